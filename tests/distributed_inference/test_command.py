import argparse

import pytest

from custom.distributed_inference.command import add_engine, check_engine
from custom.inference.command import add_arguments


def parsed(*args):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    add_engine(parser)
    args = parser.parse_args(args)
    check_engine(parser, args)
    return args


@pytest.mark.parametrize(
    ('args', 'fault'),
    [
        (['in', '--engine', 'ray'], '--engine ray needs --out'),
        (['in', '--engine', 'ray', '--out', 'out', '--json'], '--json: not with --engine ray'),
        (['--watch', 'in', '--engine', 'ray', '--out', 'out'], '--watch: not with --engine ray'),
        (['in', '--resume'], '--resume: needs --engine ray'),
        (['in', '--address', 'auto'], '--address: needs --engine ray'),
    ],
)
def test_options_that_do_not_fit_the_engine(args, fault, capsys):
    with pytest.raises(SystemExit):
        parsed(*args)
    assert fault in capsys.readouterr().err


def test_options_that_fit():
    assert parsed('in').engine == 'local'
    assert parsed('in', '--engine', 'ray', '--out', 'out', '--resume').resume
