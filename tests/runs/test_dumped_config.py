import copy
import math

import pytest
from mmengine.config import Config

from custom.runs.config import load_config
from custom.runs.dumped_config import prepare_dumped, read_dumped
from custom.utils.errors import UserError


def read(folder, text):
    path = folder / 'mine.py'
    path.write_text(text)
    return read_dumped(path)


def test_a_dumped_config_is_read_as_mmengine_reads_it(tmp_path):
    values = {'a': {'b': [1, -2.5, (3,)], 'c': {'x y': {'d': None}}}, 'e': 'it\'s "é"\n', 'f': (), 'g': {}, 'h': [True]}
    Config(values).dump(tmp_path / 'dumped.py')
    assert read_dumped(tmp_path / 'dumped.py').to_dict() == values
    assert Config.fromfile(tmp_path / 'dumped.py').to_dict() == values


def test_infinite_numbers_are_dumped_so_that_both_readers_know_them(tmp_path):
    (tmp_path / 'mine.py').write_text(
        "clip = dict(max_norm=float('inf'))\nregress_ranges = ((-1, 64), (64, 1e999), [-1e999])"
    )
    cfg = load_config(tmp_path / 'mine.py')
    cfg.dump(tmp_path / 'dumped.py')
    for read_back in (read_dumped(tmp_path / 'dumped.py'), Config.fromfile(tmp_path / 'dumped.py')):
        assert read_back.clip.max_norm == math.inf
        assert read_back.regress_ranges == ((-1, 64), (64, math.inf), [-math.inf])
    assert copy.deepcopy(cfg).pretty_text == cfg.pretty_text


def test_infinite_numbers_as_mmengine_dumps_them_are_read(tmp_path):
    Config({'a': math.inf, 'b': [-math.inf]}).dump(tmp_path / 'dumped.py')
    assert read_dumped(tmp_path / 'dumped.py').to_dict() == {'a': math.inf, 'b': [-math.inf]}


@pytest.mark.parametrize(
    'line',
    [
        'import os',
        "open('{ran}', 'w')",
        "a = open('{ran}', 'w')",
        "a = dict(b=[open('{ran}', 'w')])",
        "a = [0 for _ in [open('{ran}', 'w')]]",
        'a = f\'{{open("{ran}", "w")}}\'',
        "a = {{**{{}}, 'b': 1}}",
        'a = dict(**{{}})',
        "a: open('{ran}', 'w') = 1",
        'a.b = 1',
        'a = b = 1',
        'a = 9 ** 9',
        'a = float("1")',
        'a = int',
        "_base_ = './other.py'",
        'filename = 1',  # mmengine's own
        'a = ',
        'a = ' + '[' * 5000 + ']' * 5000,
        'a = ' + '-' * 5000 + '1',
        'a = "\0"',
    ],
)
def test_anything_but_literals_is_refused_and_nothing_is_run(tmp_path, line):
    (tmp_path / 'other.py').write_text('a = 1')
    with pytest.raises(UserError, match=r'mine\.py: is no dumped config \(.+\); name a config') as caught:
        read(tmp_path, 'x = 1\n' + line.format(ran=tmp_path / 'ran'))
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'ran').exists()


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match='cannot be read'):
        read_dumped(tmp_path)
    (tmp_path / 'mine.py').write_bytes(b'a = "\xff"')
    with pytest.raises(UserError, match='is no dumped config'):
        read_dumped(tmp_path / 'mine.py')


@pytest.mark.parametrize(
    'text',
    [
        "custom_imports = dict(imports=['custom.register', 'antigravity'])",
        "custom_imports = dict(imports='custom.register.os')",
        "custom_imports = dict(imports=['customs'])",
        'custom_imports = dict(imports=[1])',
        'custom_imports = 5',
        "default_scope = 'antigravity'",
        "model = dict(head=[dict(_scope_='antigravity')])",
        "model = dict(type='os.system', command='exit')",
        "model = dict(a=[(dict(type='antigravity'),)])",
        "model = dict(test_cfg=dict(nms=dict(type='print(1)')))",
        "model = dict(type=['os.system'])",
    ],
)
def test_settings_that_could_run_other_code_are_refused(tmp_path, text):
    with pytest.raises(UserError, match=r'mine\.py: (refused|imports custom\.register\.os, which cannot)') as caught:
        prepare_dumped(read(tmp_path, text))
    assert '\n' not in str(caught.value)


def test_a_dumped_config_of_the_project_is_accepted(tmp_path):
    prepare_dumped(
        read(
            tmp_path,
            "custom_imports = dict(imports=['custom.structures.digits'], allow_failed_imports=False)\n"
            "default_scope = 'mmdet'\n"
            "model = dict(type='FasterRCNN', _scope_='mmdet', test_cfg=dict(nms=dict(type='nms')))",
        )
    )
    prepare_dumped(read(tmp_path, ''))
