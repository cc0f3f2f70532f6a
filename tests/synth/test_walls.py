"""Textures, backgrounds from photos, drawing primitives."""

import cv2
import numpy as np
import pytest

from custom.synth.walls import (
    LUMA,
    PLATES,
    background_files,
    blend,
    brick,
    clouds,
    describe_backgrounds,
    draw_wall,
    fill_between,
    foliage,
    photo_wall,
    plaster,
    polygon,
    wood,
)
from custom.utils.errors import UserError


@pytest.mark.parametrize('kind', [plaster, brick, wood, foliage, draw_wall])
@pytest.mark.parametrize('size', [(12, 12), (40, 111)])
def test_surfaces_fill_their_frame(kind, size):
    image = kind(np.random.default_rng(0), *size, 20.0)
    assert image.shape == (*size, 3)
    assert image.dtype == np.float32
    assert -0.8 < image.min() <= image.max() < 1.8


def test_bricks_have_rows_of_mortar():
    image = brick(np.random.default_rng(1), 200, 300, 40.0)
    rows = image.mean(axis=(1, 2))
    assert np.ptp(rows) > 2 * np.ptp(image.mean(axis=(0, 2))[20:-20])  # rows show, columns are staggered


def test_clouds_are_smooth_within_a_cell():
    fine = np.abs(np.diff(clouds(np.random.default_rng(0), 60, 60, 1, 1), axis=1)).mean()
    coarse = np.abs(np.diff(clouds(np.random.default_rng(0), 60, 60, 20, 20), axis=1)).mean()
    assert coarse < fine / 5


def test_blend_mixes_by_share():
    image = np.zeros((1, 2, 3), np.float32)
    blend(image, np.array([1.0, 0.5, 0.0], np.float32), np.array([[0.0, 0.5]], np.float32))
    assert image.tolist() == [[[0, 0, 0], [0.5, 0.25, 0]]]


def test_polygon_covers_its_area():
    mask = polygon(20, 30, np.array([[5, 4], [15, 4], [15, 12], [5, 12]], float))
    assert mask[5:12, 6:15].min() > 0.99
    assert mask[:3].max() == mask[14:].max() == mask[:, :4].max() == mask[:, 17:].max() == 0


def test_ink_can_be_told_from_every_plate():
    assert np.abs((PLATES[:, 0] - PLATES[:, 1]) @ LUMA).min() > 0.3


def write(path, left, middle, right):
    """A photo 100 x 40 of three upright stripes, the outer ones 25 wide; grey levels."""
    photo = np.full((40, 100, 3), middle, np.uint8)
    photo[:, :25], photo[:, 75:] = left, right
    cv2.imwrite(str(path), photo)


def test_files_are_the_photos_in_natural_order(tmp_path):
    for name in ('10.png', '2.png'):
        write(tmp_path / name, 0, 0, 0)
    (tmp_path / 'notes.txt').write_text('mine')
    assert [path.rpartition('/')[2] for path in background_files(str(tmp_path))] == ['2.png', '10.png']


def test_an_empty_or_missing_folder_is_named(tmp_path):
    for folder in (tmp_path, tmp_path / 'none'):
        with pytest.raises(UserError, match=str(folder)):
            background_files(str(folder))


def test_description_changes_with_the_photos_only(tmp_path):
    for folder, level in (('a', 10), ('b', 10), ('c', 11)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / '1.png', level, 0, 0)
    first, same, other = (describe_backgrounds(str(tmp_path / folder)) for folder in 'abc')
    assert first == same != other
    assert first['photos'] == 1


def test_the_centre_of_a_photo_is_never_used(tmp_path):
    write(tmp_path / '1.png', 100, 255, 120)
    files = background_files(str(tmp_path))
    for seed in range(30):
        wall = photo_wall(np.random.default_rng(seed), files, 30, 90)
        assert wall.shape == (30, 90, 3)
        assert wall.dtype == np.float32
        assert np.ptp(wall.mean(axis=2)) < 0.2  # 100 to 120, tinted; 255 is nowhere


def test_fill_between_fades_from_one_side_into_the_other():
    left, right = np.full((20, 8, 3), 0.2, np.float32), np.full((20, 8, 3), 0.8, np.float32)
    row = fill_between(left, right, 31)[10, :, 0]
    assert row[[0, 15, 30]] == pytest.approx([0.2, 0.5, 0.8], abs=1e-3)


def test_a_damaged_photo_is_named(tmp_path):
    (tmp_path / 'bad.png').write_bytes(b'no photo')
    with pytest.raises(UserError, match=r'bad\.png'):
        photo_wall(np.random.default_rng(0), background_files(str(tmp_path)), 30, 90)
