"""custom/prepare_cli.py: what the help shows can be typed."""

import shlex

import pytest

from custom import prepare_runs
from custom.cli import ToolParser
from custom.prepare_cli import PROGRAM, add_commands


def commands():
    parser = ToolParser()
    subparsers = parser.add_subparsers(required=True)
    add_commands(subparsers)
    return parser, subparsers.choices


@pytest.mark.parametrize('name', ['synth', 'svhn', 'yolo', 'voc', 'coco', 'check', 'split'])
def test_the_example_of_each_command_is_one(name):
    parser, choices = commands()
    assert set(choices) == {'synth', 'svhn', 'yolo', 'voc', 'coco', 'check', 'split'}
    words = shlex.split(choices[name].epilog.removeprefix(f'example: {PROGRAM} '))
    assert words[0] == name
    assert parser.parse_args(words).run is getattr(prepare_runs, name)


def test_a_data_set_to_write_is_asked_for():
    parser, _ = commands()
    for words in (['yolo', '--src', 'x'], ['split', 'x'], ['svhn', '--out', 'x'], []):
        with pytest.raises(SystemExit):
            parser.parse_args(words)
