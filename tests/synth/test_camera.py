"""Camera model."""

import cv2
import numpy as np
import pytest

from custom.synth.camera import finish, jpeg, lens, light, photograph, sensor

EDGE = np.zeros((60, 90, 3), np.float32)
EDGE[:, 45:] = 1


@pytest.mark.parametrize('hardness', [0.0, 1.0])
@pytest.mark.parametrize('seed', range(8))
def test_photo_has_the_asked_size_and_type(seed, hardness):
    photo = photograph(np.random.default_rng(seed), EDGE, (45, 30), 20.0, hardness)
    assert photo.shape == (30, 45, 3)
    assert photo.dtype == np.uint8
    assert photo[:, :15].mean() < photo[:, -15:].mean()


def test_light_stays_in_range():
    lit = [light(np.random.default_rng(seed), EDGE, 1.0) for seed in range(20)]
    assert min(one.min() for one in lit) >= 0
    assert max(one.max() for one in lit) <= 1
    assert all(one.dtype == np.float32 for one in lit)


def test_lens_blurs_more_when_it_is_harder():
    def steepest(hardness: float) -> float:
        return float(
            np.mean([np.diff(lens(np.random.default_rng(i), EDGE, 40.0, hardness), axis=1).max() for i in range(30)])
        )

    assert steepest(1.0) < 0.8 * steepest(0.0)


def test_sensor_noise_keeps_the_mean():
    grey = np.full((80, 80, 3), 0.5, np.float32)
    noisy = sensor(np.random.default_rng(0), grey, 1.0)
    assert noisy.std() > 0.5
    assert noisy.mean() == pytest.approx(127.5, abs=1.5)


def test_jpeg_loses_more_at_low_quality_and_keeps_the_channels():
    picture = np.zeros((32, 32, 3), np.uint8)
    cv2.circle(picture, (16, 16), 9, (250, 60, 20), -1)
    good, bad = (np.abs(jpeg(picture, quality).astype(int) - picture).mean() for quality in (95, 20))
    assert good < bad
    assert jpeg(picture, 95)[16, 16].argmax() == 0  # still blue


def test_finish_leaves_a_clean_photo_alone_and_never_a_flat_one_when_hard():
    grey = np.full((60, 60, 3), 128, np.uint8)
    assert np.array_equal(finish(np.random.default_rng(0), grey, 0.0), grey)
    hard = [finish(np.random.default_rng(seed), grey, 1.0).astype(float) for seed in range(10)]
    assert min(one.std() for one in hard) > 0.2
    assert np.mean(hard) == pytest.approx(128, abs=0.3)
