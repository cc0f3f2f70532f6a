"""Near copies are told from other photos."""

import io

import numpy as np
import pytest
from PIL import Image

from custom.data import near_duplicates
from custom.data.near_duplicates import copy_groups, is_near_copy, near_copy_of, signature, signatures
from custom.structures.photos import list_photos, read_photo
from custom.utils.errors import UserError


def test_a_signature_says_where_brightness_changes():
    photo = np.zeros((16, 17, 3), np.uint8)
    photo[0, 3:] = 30
    photo[5, 9:] = 40
    expected = np.zeros((16, 16))
    expected[0, 2], expected[5, 8] = 0.6, 0.8  # 30 and 40 of 50
    assert signature(photo).reshape(16, 16) == pytest.approx(expected)
    assert not signature(np.full((5, 9, 3), 77, np.uint8)).any()


def test_real_photos_are_known_again_and_no_other(shared_data):
    folder, others = shared_data / 'nycu-mini' / 'valid', shared_data / 'svhn-unlabelled'
    known = signatures([folder])
    names = [photo.file_name for photo in list_photos(folder)]
    assert known.shape == (len(names), 256)
    assert not any(is_near_copy(read_photo(others / photo.file_name), known) for photo in list_photos(others)[:200])
    for name, own in zip(names, known, strict=True):
        photo = Image.fromarray(read_photo(folder / name))
        packed = io.BytesIO()
        photo.save(packed, 'JPEG', quality=50)
        larger = photo.resize((photo.width * 2, photo.height * 2))
        for copy in (photo, larger, photo.point(lambda tone: tone * 0.8), Image.open(packed)):
            assert is_near_copy(np.asarray(copy), own[None]), name


def test_photos_of_several_folders_are_known(tmp_path):
    photos = np.random.default_rng(0).integers(0, 255, (3, 20, 30, 3), dtype=np.uint8)
    for i in range(2):
        (tmp_path / str(i)).mkdir()
        Image.fromarray(photos[i]).save(tmp_path / str(i) / 'x.png')
    known = signatures([tmp_path / '0', tmp_path / '1'])
    assert [is_near_copy(photo, known) for photo in photos] == [True, True, False]
    assert not is_near_copy(photos[0], signatures([]))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match='nowhere: no such folder'):
        signatures([tmp_path / 'nowhere'])


def test_each_photo_is_told_its_near_copy(monkeypatch):
    monkeypatch.setattr(near_duplicates, 'BLOCK', 2)
    known = np.eye(4, 256, dtype=np.float32)
    photos = np.stack([known[2], 0.95 * known[1], 0.6 * known[0] + 0.8 * known[3], 0 * known[0], 0.92 * known[0]])
    assert near_copy_of(photos, known).tolist() == [2, 1, -1, -1, 0]
    assert near_copy_of(photos, known[:0]).tolist() == [-1] * 5
    assert near_copy_of(known[:0], known).tolist() == []


def test_copies_of_copies_are_one_group(monkeypatch):
    monkeypatch.setattr(near_duplicates, 'BLOCK', 2)
    turned = np.arange(5) * 0.4  # cos 0.4 is 0.92, cos 0.8 is 0.70: each is near the next one only
    seen = np.zeros((7, 256), np.float32)
    seen[[0, 2, 4, 6, 1]] = np.stack([np.cos(turned), np.sin(turned), *[0 * turned] * 254], axis=1)
    seen[3, 100] = 1
    groups = copy_groups(seen)
    assert len(set(groups[[0, 1, 2, 4, 6]].tolist())) == 1
    assert len(set(groups.tolist())) == 3
