"""Image degradation: sizes, strengths and randomness."""

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes

from custom.datasets.degrade import DigitDegrade, colour_matrix, motion, noise, tone_table
from custom.utils.errors import UserError

BOXES = ((20, 10, 40, 60), (45, 10, 65, 60))


def sample(boxes=BOXES):
    photo = np.full((80, 120, 3), 90, np.uint8)
    for left, top, right, bottom in boxes:
        photo[top:bottom, left:right] = 180
    boxes = HorizontalBoxes(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4))
    return {'img': photo, 'img_shape': photo.shape[:2], 'gt_bboxes': boxes}


def degraded(seed=0, photo=None, **settings):
    np.random.seed(seed)
    return DigitDegrade(**settings)(photo or sample())['img']


def test_with_probability_0_the_image_is_unchanged():
    np.testing.assert_array_equal(degraded(prob=0, invert=0, cover=0), sample()['img'])


@pytest.mark.parametrize('seed', range(20))
def test_size_kind_and_boxes_stay(seed):
    given = sample()
    before = given['img'].copy()
    img = degraded(seed, given, prob=1, cover=1, invert=0.5)
    assert (img.shape, img.dtype) == ((80, 120, 3), np.uint8)
    np.testing.assert_array_equal(given['gt_bboxes'].tensor.numpy(), BOXES)
    np.testing.assert_array_equal(before, sample()['img'])
    assert not np.array_equal(img, before)


def test_digits_keep_some_contrast():
    # In 200 images, at most 6 digits vanish.
    lost = 0
    for seed in range(200):
        img = degraded(seed).astype(float).mean(axis=2)
        lost += abs(img[20:50, 25:35].mean() - img[20:50, 90:110].mean()) < 12
    assert lost <= 6


def test_inverted_digits_are_darker_than_their_ground():
    img = degraded(prob=0, invert=1, cover=0)
    assert img[30, 30].max() < img[30, 100].min()


def test_a_strip_covers_at_most_a_quarter_of_a_digit():
    crossed = 0
    for seed in range(50):
        np.random.seed(seed)
        photo = sample()['img']
        changed = (DigitDegrade()._strip(photo, np.array([[20.0, 50.0]] * 2)) != photo).any(axis=2)
        hidden = max(changed[top:bottom, left:right].mean() for left, top, right, bottom in BOXES)
        assert hidden <= 0.25
        crossed += hidden > 0
    assert crossed > 10  # not all strips meet a digit, and some have its colour


def test_bars_are_clear_of_the_digits_and_taller():
    drawn = 0
    for seed in range(50):
        given = sample(((50, 30, 60, 50), (62, 30, 72, 50)))
        before = given['img'].astype(float)
        changed = np.abs(degraded(seed, given, prob=0, invert=0, cover=0, beside=1) - before) > 2
        assert not changed[30:50, 50:72].any()
        for side in (changed[:, :50], changed[:, 72:]):
            if side.any():
                drawn += 1
                rows = np.flatnonzero(side.any(axis=(1, 2)))
                assert rows[0] <= 27 and rows[-1] >= 52
    assert drawn > 60


def test_blur_is_in_proportion_to_the_digits():
    def sharpness(height):
        steepest = []
        for seed in range(40):
            np.random.seed(seed)
            edge = DigitDegrade()._unfocus(sample()['img'], height)[35, 60:70, 0].astype(int)
            steepest.append(np.abs(np.diff(edge)).max())
        return np.mean(steepest)

    assert sharpness(10) > sharpness(50) > sharpness(100)


def test_downscaled_digits_stay_legible():
    stripes = np.zeros((80, 120, 3), np.uint8)
    stripes[:, ::2] = 255
    transform = DigitDegrade(prob=1, quality=(100, 100))
    for seed in range(10):
        np.random.seed(seed)
        fine = transform._record(stripes, 10.0, 1.0)  # digits of 10 px already: none is lost
        assert np.abs(np.diff(fine[40, :, 0].astype(int))).mean() > 100
        np.random.seed(seed)
        enlarged = transform._record(stripes, 40.0, 4.0)  # was 4 times smaller: finer is nothing
        assert np.abs(np.diff(enlarged[40, :, 0].astype(int))).mean() < 30


def test_an_image_without_digits_is_degraded():
    assert degraded(0, sample(()), prob=1, cover=1).shape == (80, 120, 3)


def test_a_seed_gives_the_same_photo_again():
    one, other = (degraded(3, prob=1) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_an_invalid_jpeg_quality_is_refused():
    with pytest.raises(UserError, match=r'quality=\(0, 120\)'):
        DigitDegrade(quality=(0, 120))


def recoloured(pixel, *arguments):
    return cv2.transform(np.array([[pixel]], np.uint8), colour_matrix(*arguments))[0, 0].tolist()


def test_saturation_turns_colour_to_its_grey():
    assert recoloured([10, 100, 200], 1, 0, False) == [10, 100, 200]
    assert recoloured([10, 100, 200], 0, 0, False) == [120] * 3  # 0.114 * 10 + 0.587 * 100 + 0.299 * 200 = 119.6


def test_hue_turns_around_grey():
    assert recoloured([0, 0, 200], 1, 120, False) == [200, 0, 0]
    assert recoloured([70, 70, 70], 1, 45, False) == [70] * 3


def test_inverted_bright_is_dark_and_the_tint_stays():
    assert recoloured([250, 250, 250], 1, 0, True) == [5] * 3
    # Its brightness is 120 and becomes 135: every channel gets 15 more.
    assert recoloured([10, 100, 200], 1, 0, True) == pytest.approx([26, 116, 216], abs=1)


def test_tones():
    def tone(value, gains=(1, 1, 1), contrast=1, brightness=0, gamma=1):
        return tone_table(np.array(gains), contrast, brightness, gamma)[0, value].tolist()

    assert tone_table(np.ones(3), 1, 0, 1)[0, :, 0] == pytest.approx(np.arange(256), abs=1)
    assert tone(100, gains=(1, 0.5, 2)) == [100, 50, 200]
    assert tone(100, brightness=-200) == [0] * 3
    assert tone(178, contrast=2) == [228] * 3
    assert tone(51, gamma=2) == pytest.approx([10] * 3, abs=1)  # 0.2 of white, squared


def test_noise_has_the_strength_asked_for():
    grey = np.full((200, 300, 3), 128, np.uint8)
    grain = noise(grey, 6, 0, 3).astype(float) - 128
    assert grain.std() == pytest.approx(6, abs=0.3)
    assert (grain[..., 0] == grain[..., 2]).all()
    stains = noise(grey, 0, 10, 4).astype(float) - 128
    assert 4 < stains.std() < 10  # between its knots it is less
    assert abs(np.corrcoef(stains[..., 0].ravel(), stains[..., 2].ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(noise(grey, 0, 0, 2), grey)


def test_noise_does_not_wrap_around():
    for value in (0, 255):
        noisy = noise(np.full((50, 50, 3), value, np.uint8), 5, 5, 2)
        assert np.abs(noisy.astype(int) - value).max() < 60


def test_motion_smears_along_its_angle():
    along = motion(6, 0)
    assert along.sum() == pytest.approx(1)
    assert along[along.shape[0] // 2].sum() == pytest.approx(1)
    assert np.count_nonzero(along) == 7 and along.shape == (1, 7)
    np.testing.assert_allclose(motion(6, np.pi / 2), along.T)
    assert motion(0.1, 1.0).max() == 1  # next to no movement changes nothing
