"""custom/label_folders.py"""

import os
from pathlib import Path

import pytest

from custom.errors import UserError
from custom.label_folders import files_below, read_text, replaced_folder, split_in_path


def test_files_at_any_depth_in_natural_order_without_hidden_ones(tmp_path):
    for name in ('b/10.png', 'b/2.PNG', 'a/x.jpg', 'a/x.txt', '.cache/1.png', 'a/.y.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('')
    assert [str(path.relative_to(tmp_path)) for path in files_below(tmp_path)] == ['a/x.jpg', 'b/2.PNG', 'b/10.png']
    assert files_below(tmp_path, ('.txt',)) == [tmp_path / 'a/x.txt']
    with pytest.raises(UserError, match='gone: no such folder'):
        files_below(tmp_path / 'gone')


def test_a_folder_without_permission_is_named(tmp_path, monkeypatch):
    def locked(path):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(os, 'scandir', locked)  # root, who may run the tests, may read everything
    with pytest.raises(UserError, match=rf'{tmp_path}: cannot be read \(Permission denied\); check its permissions'):
        files_below(tmp_path)


def test_text(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xef\xbb\xbf1 2\r\n')
    assert read_text(path).split() == ['1', '2']
    path.write_bytes(b'\xff\xfe1\0')
    with pytest.raises(UserError, match=r'a\.txt: is no text in UTF-8'):
        read_text(path)
    with pytest.raises(UserError, match=r'b\.txt: cannot be read'):
        read_text(tmp_path / 'b.txt')


@pytest.mark.parametrize(
    ('path', 'split'),
    [('images/7.png', None), ('images/val/7.png', 'valid'), ('Test/images/7.png', 'test'), ('images/train.png', None)],
)
def test_the_split_that_a_folder_names(path, split):
    assert split_in_path(Path(path)) == split


def test_the_last_folder_of_a_name_is_replaced():
    base = Path('/data/images')
    assert replaced_folder(base / 'images/images/7.png', base, 'images', 'labels') == base / 'images/labels/7.png'
    assert replaced_folder(base / '7.png', base, 'images', 'labels') is None  # not above the base
    assert replaced_folder(base / 'a/images', base, 'images', 'labels') is None  # a file of that name
