"""Loading of photos with a cache, and resizing that only shrinks."""

import numpy as np
import pytest
from PIL import Image

from custom.datasets.loading import LoadPhoto, ReduceLarge
from custom.inference import multiview
from custom.utils.errors import UserError


def test_pixels_are_bgr_with_their_shape(tmp_path):
    Image.fromarray(np.array([[[10, 20, 30], [40, 50, 60]]], dtype=np.uint8)).save(tmp_path / '1.png')
    results = LoadPhoto()({'img_path': str(tmp_path / '1.png')})
    assert results['img'].tolist() == [[[30, 20, 10], [60, 50, 40]]]
    assert results['img_shape'] == results['ori_shape'] == (1, 2)


def test_a_damaged_photo_is_named(tmp_path):
    (tmp_path / '1.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    with pytest.raises(UserError, match=r'1\.png'):
        LoadPhoto()({'img_path': str(tmp_path / '1.png')})


def test_photos_are_cached_until_the_memory_is_used_up(tmp_path):
    paths = [str(tmp_path / f'{i}.png') for i in range(3)]
    for path, size in zip(paths, [(4, 4), (5, 5), (2, 2)], strict=True):  # 48, 75 and 12 bytes
        Image.new('RGB', size, 'red').save(path)
    load = LoadPhoto(cache_mb=60e-6)
    before = [load({'img_path': path})['img'] for path in paths]
    for path in paths:
        Image.new('RGB', (1, 1), 'blue').save(path)
    again = [load({'img_path': path})['img'] for path in paths]
    assert again[0] is before[0]
    assert again[1].tolist() == [[[255, 0, 0]]]  # did not fit, and was read again
    assert again[2] is before[2]
    with pytest.raises(ValueError, match='read-only'):
        again[0][0, 0] = 0


def test_there_is_no_cache_by_default(tmp_path):
    Image.new('RGB', (4, 4)).save(tmp_path / '1.png')
    load = LoadPhoto()
    assert load({'img_path': str(tmp_path / '1.png')})['img'] is not load({'img_path': str(tmp_path / '1.png')})['img']


@pytest.mark.parametrize(('size', 'seen', 'factor'), [((300, 101), (150, 50), 0.5), ((200, 40), (200, 40), 1)])
def test_photos_that_are_too_large_shrink_and_others_stay(size, seen, factor, monkeypatch):
    monkeypatch.setattr(multiview, 'PHOTO_PIXELS', 10_000)
    results = ReduceLarge()({'img': np.zeros((size[1], size[0], 3), np.uint8)})
    assert results['img'].shape == (seen[1], seen[0], 3)
    assert results['img_shape'] == seen[::-1]
    assert results['scale_factor'] == (factor, factor)
