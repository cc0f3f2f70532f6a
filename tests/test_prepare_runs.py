"""custom/prepare_runs.py: what it says, and where."""

from argparse import Namespace

import pytest

from custom import prepare_runs
from custom.errors import UserError

DEAL = {'valid_fraction': 0.2, 'seed': 0, 'ignore_copies': False}


def test_the_result_is_on_stdout_and_notes_are_on_stderr(tiny_root, tmp_path, capsys):
    prepare_runs.split(Namespace(src=tiny_root, out=tmp_path / 'out', ann=None, **DEAL))
    said = capsys.readouterr()
    assert said.out == f'{tmp_path / "out"}: 9 photos (train 7, valid 2)\n'
    assert f'note: {tiny_root / "test"} is not copied: only labelled photos are split' in said.err.splitlines()


def test_wrong_settings_are_refused_before_anything_is_read(tmp_path):
    settings = {'src': tmp_path / 'gone', 'out': tmp_path / 'out', 'classes': ['ten'], 'skip_bad': False, **DEAL}
    with pytest.raises(UserError, match='--classes ten: wanted'):
        prepare_runs.yolo(Namespace(**settings))
    settings |= {'classes': [], 'valid_fraction': 2}
    with pytest.raises(UserError, match='--valid-fraction 2'):
        prepare_runs.voc(Namespace(**settings))


def test_nothing_is_fetched_where_the_place_is_taken(tmp_path):
    (tmp_path / 'mine').write_text('')
    with pytest.raises(UserError, match='holds something else'):
        prepare_runs.svhn(Namespace(src=tmp_path / 'new', out=tmp_path, download=True, extra=False, **DEAL))
    assert not (tmp_path / 'new').exists()
