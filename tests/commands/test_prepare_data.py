"""Sub-commands of tools/prepare_data.py."""

import shlex
from argparse import Namespace
from pathlib import Path

import pytest

from custom.commands import prepare_data
from custom.commands.parser import ToolParser
from custom.commands.prepare_data import PROGRAM, add_commands
from custom.utils.errors import UserError


def commands():
    parser = ToolParser()
    subparsers = parser.add_subparsers(required=True)
    add_commands(subparsers)
    return parser, subparsers.choices


@pytest.mark.parametrize('name', ['synth', 'svhn', 'yolo', 'voc', 'coco', 'numbers', 'check', 'split', 'suspects'])
def test_the_example_of_each_command_is_valid(name):
    parser, choices = commands()
    assert set(choices) == {'synth', 'svhn', 'yolo', 'voc', 'coco', 'numbers', 'check', 'split', 'suspects'}
    words = shlex.split(choices[name].epilog.removeprefix(f'example: {PROGRAM} '))
    assert words[0] == name
    assert parser.parse_args(words).run is getattr(prepare_data, name)


def test_missing_arguments_are_refused():
    parser, _ = commands()
    for words in (['yolo', '--src', 'x'], ['split', 'x'], ['svhn', '--out', 'x'], []):
        with pytest.raises(SystemExit):
            parser.parse_args(words)


def test_the_default_config_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Path(commands()[0].parse_args(['check', 'root']).config).is_file()


RULE = {'valid_fraction': 0.2, 'seed': 0, 'ignore_copies': False}


def test_the_result_is_on_stdout_and_notes_are_on_stderr(tiny_root, tmp_path, capsys):
    prepare_data.split(Namespace(src=tiny_root, out=tmp_path / 'out', ann=None, **RULE))
    said = capsys.readouterr()
    assert said.out == f'{tmp_path / "out"}: 9 photos (train 7, valid 2)\n'
    assert f'note: {tiny_root / "test"} is not copied: only labelled photos are split' in said.err.splitlines()


def test_wrong_settings_are_refused_before_anything_is_read(tmp_path):
    settings = {'src': tmp_path / 'gone', 'out': tmp_path / 'out', 'classes': ['ten'], 'skip_bad': False, **RULE}
    with pytest.raises(UserError, match='--classes ten: must be NAME=DIGIT'):
        prepare_data.yolo(Namespace(**settings))
    settings |= {'classes': [], 'valid_fraction': 2}
    with pytest.raises(UserError, match='--valid-fraction 2'):
        prepare_data.voc(Namespace(**settings))


def test_nothing_is_downloaded_if_the_folder_is_taken(tmp_path):
    (tmp_path / 'mine').write_text('')
    with pytest.raises(UserError, match='holds something else'):
        prepare_data.svhn(Namespace(src=tmp_path / 'new', out=tmp_path, download=True, extra=False, **RULE))
    assert not (tmp_path / 'new').exists()
