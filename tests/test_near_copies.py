"""Near copies are told from other photos."""

import io

import numpy as np
import pytest
from PIL import Image

from custom.errors import UserError
from custom.near_copies import is_near_copy, signature, signatures
from custom.photos import list_photos, read_photo


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
