import numpy as np
import pytest
from PIL import Image

from custom.errors import UserError
from custom.register import LoadPhoto


def test_pixels_are_bgr_with_their_shape(tmp_path):
    Image.fromarray(np.array([[[10, 20, 30], [40, 50, 60]]], dtype=np.uint8)).save(tmp_path / '1.png')
    results = LoadPhoto()({'img_path': str(tmp_path / '1.png')})
    assert results['img'].tolist() == [[[30, 20, 10], [60, 50, 40]]]
    assert results['img_shape'] == results['ori_shape'] == (1, 2)


def test_a_damaged_photo_is_named(tmp_path):
    (tmp_path / '1.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    with pytest.raises(UserError, match=r'1\.png'):
        LoadPhoto()({'img_path': str(tmp_path / '1.png')})
