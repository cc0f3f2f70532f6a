"""custom/data/layout.py: folders, names, ids and jsons of a data set."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from custom.data.layout import copy_photo, require_free, write_layout
from custom.structures.annotations import DigitAnnotations
from custom.structures.photos import free_names, image_id_of
from custom.utils.errors import UserError


def annotations(paths):
    """Photos with ids 10, 11, …; photo i has i boxes."""
    count = len(paths)
    rows = np.repeat(np.arange(count), np.arange(count))
    return DigitAnnotations(
        image_ids=10 + np.arange(count)[::-1],
        file_names=list(map(str, paths)),
        sizes=np.full((count, 2), [40, 20]),
        box_image_ids=(10 + np.arange(count)[::-1])[rows],
        bboxes=np.stack([rows, 4 + 0 * rows, 8 + 0 * rows, 12 + 0 * rows], axis=1).astype(float),
        labels=rows % 10,
        iscrowd=rows == 1,
    )


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / 'src' / name for name in ('7.png', 'b/7.png', 'it\'s, "é"\n.jpg', '9.png')]
    (tmp_path / 'src/b').mkdir(parents=True)
    for i, path in enumerate(paths):
        path.write_text(f'photo {i}')
    return paths


def test_photos_jsons_and_ids(photos, tmp_path):
    (tmp_path / 'out').mkdir()
    split_of = np.array(['train', 'train', 'train', 'valid'])
    notes = write_layout(tmp_path / 'out', annotations(photos), split_of)
    assert sorted(os.listdir(tmp_path / 'out')) == ['train', 'train.json', 'valid', 'valid.json']
    train = json.loads((tmp_path / 'out/train.json').read_text())
    names = ['7.png', 'b_7.png', 'it\'s, "é"\n.jpg']
    assert [(image['file_name'], image['id']) for image in train['images']] == [(n, image_id_of(n)) for n in names]
    assert [(tmp_path / 'out/train' / name).read_text() for name in names] == ['photo 0', 'photo 1', 'photo 2']
    by_photo = [sum(box['image_id'] == image_id_of(name) for box in train['annotations']) for name in names]
    assert by_photo == [0, 1, 2]
    assert [box['bbox'][0] for box in train['annotations']] == [1, 2, 2]
    assert [box['iscrowd'] for box in train['annotations']] == [1, 0, 0]
    assert notes == [f'1 × photo with a new name, since its own is taken; first: {photos[1]} is now train/b_7.png']
    assert all(path.exists() for path in photos)


def test_a_split_without_labels_has_no_json_and_one_without_photos_no_folder(photos, tmp_path):
    (tmp_path / 'out').mkdir()
    write_layout(tmp_path / 'out', annotations(photos[::3]), np.array(['test', 'train']), ('train', 'valid'))
    assert sorted(os.listdir(tmp_path / 'out')) == ['test', 'train', 'train.json']


def test_names_and_ids_are_unique():
    paths = ['a/7.png', 'b/7.png', 'a/07.png', 'c/b_7.png', 'x/Cat.png', 'y/cat.PNG', 'y/cat.png', 'a/a_07.png']
    names = free_names([Path(path) for path in paths])
    assert names == ['7.png', 'b_7.png', 'a_07.png', 'c_b_7.png', 'Cat.png', 'y_cat.PNG', 'cat_2.png', 'a_a_07.png']
    assert len({image_id_of(name) for name in names}) == len(names)


def test_copies_are_copies(photos, tmp_path):
    copy_photo(photos[0], tmp_path / 'copy.png')
    (tmp_path / 'copy.png').write_text('changed')
    assert photos[0].read_text() == 'photo 0'


def test_an_unreadable_photo_is_named(tmp_path):
    with pytest.raises(UserError, match=r'gone\\n\.png: cannot be read'):
        copy_photo(tmp_path / 'gone\n.png', tmp_path / 'x')
    with pytest.raises(OSError, match='No such file'):
        copy_photo(Path(__file__), tmp_path / 'no folder' / 'x')


def test_an_output_folder_in_use_is_refused(tmp_path, monkeypatch):
    require_free(tmp_path / 'new')
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    with pytest.raises(UserError, match='name a new one in it'):
        require_free(Path('.'))
    (tmp_path / 'x').write_text('')
    for path in (tmp_path, tmp_path / 'x'):
        with pytest.raises(UserError, match='holds something else; choose another folder'):
            require_free(path)
