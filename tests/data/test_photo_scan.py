"""custom/data/photo_scan.py: an unreadable photo does not stop the scan of the others."""

import numpy as np
import pytest
from PIL import Image

from custom.data.near_duplicates import signature
from custom.data.photo_scan import scan_photos
from custom.utils.errors import UserError


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
