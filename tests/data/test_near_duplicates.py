"""custom/data/near_duplicates.py: near-duplicates are told from other photos."""

import io

import numpy as np
import pytest
from PIL import Image

from custom.data import near_duplicates
from custom.data.near_duplicates import near_duplicate_groups, nearest_duplicates, scan_photos, signature
from custom.structures.photos import list_photos, read_photo
from custom.utils.errors import UserError


def test_a_signature_holds_the_changes_of_brightness():
    photo = np.zeros((16, 17, 3), np.uint8)
    photo[0, 3:] = 30
    photo[5, 9:] = 40
    expected = np.zeros((16, 16))
    expected[0, 2], expected[5, 8] = 0.6, 0.8  # 30 and 40 of 50
    assert signature(photo).reshape(16, 16) == pytest.approx(expected)
    assert not signature(np.full((5, 9, 3), 77, np.uint8)).any()


def test_changed_copies_of_real_photos_are_near_duplicates_and_other_photos_are_not(shared_data):
    folder, others = shared_data / 'nycu-mini' / 'valid', shared_data / 'svhn-unlabelled'
    names = [photo.file_name for photo in list_photos(folder)]
    known = scan_photos([folder / name for name in names]).signatures
    other = scan_photos([others / photo.file_name for photo in list_photos(others)[:200]]).signatures
    assert set(nearest_duplicates(other, known).tolist()) == {-1}
    for name, own in zip(names, known, strict=True):
        photo = Image.fromarray(read_photo(folder / name))
        packed = io.BytesIO()
        photo.save(packed, 'JPEG', quality=50)
        larger = photo.resize((photo.width * 2, photo.height * 2))
        for copy in (photo, larger, photo.point(lambda tone: tone * 0.8), Image.open(packed)):
            assert nearest_duplicates(signature(np.asarray(copy))[None], own[None]).tolist() == [0], name


def test_each_photo_is_matched_with_its_nearest_near_duplicate(monkeypatch):
    monkeypatch.setattr(near_duplicates, 'BLOCK', 2)
    known = np.eye(4, 256, dtype=np.float32)
    photos = np.stack([known[2], 0.95 * known[1], 0.6 * known[0] + 0.8 * known[3], 0 * known[0], 0.92 * known[0]])
    assert nearest_duplicates(photos, known).tolist() == [2, 1, -1, -1, 0]
    assert nearest_duplicates(photos, known[:0]).tolist() == [-1] * 5
    assert nearest_duplicates(known[:0], known).tolist() == []


def test_a_chain_of_near_duplicates_is_one_group(monkeypatch):
    monkeypatch.setattr(near_duplicates, 'BLOCK', 2)
    turned = np.arange(5) * 0.4  # cos 0.4 is 0.92, cos 0.8 is 0.70: each is near the next one only
    seen = np.zeros((7, 256), np.float32)
    seen[[0, 2, 4, 6, 1]] = np.stack([np.cos(turned), np.sin(turned), *[0 * turned] * 254], axis=1)
    seen[3, 100] = 1
    groups = near_duplicate_groups(seen)
    assert len(set(groups[[0, 1, 2, 4, 6]].tolist())) == 1
    assert len(set(groups.tolist())) == 3


def test_sizes_signatures_and_faults(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / 'a.png')
    Image.new('RGB', (1, 1)).save(tmp_path / 'dot.png')
    (tmp_path / 'cut.png').write_bytes((tmp_path / 'a.png').read_bytes()[:900])
    (tmp_path / 'text.png').write_text('no photo')
    paths = [tmp_path / name for name in ('a.png', 'text.png', 'dot.png', 'cut.png', 'gone.png')]
    scan = scan_photos(paths)
    assert scan.sizes.tolist() == [[40, 20], [0, 0], [1, 1], [0, 0], [0, 0]]
    assert np.array_equal(scan.signatures[0], signature(pixels))
    assert not scan.signatures[1:].any()
    assert sorted(scan.faults) == [1, 3, 4]
    assert 'is not a photo' in scan.faults[1] and 'damaged' in scan.faults[3] and 'no such file' in scan.faults[4]
    with pytest.raises(
        UserError, match=r'the source: 3 of 5 photos cannot be read; first: .*text\.png: is not a photo'
    ):
        scan_photos(paths, 'the source')


def test_no_photo_at_all():
    assert scan_photos([]).sizes.shape == (0, 2)
