"""Windows of large scenes with small numbers."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from custom.synth.domains import scenes
from custom.synth.fonts import Face
from custom.synth.scene import Assets

ASSETS = Assets([Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans.ttf'))])


def canvas(width, height, oversampling=1):
    return scenes._Canvas(np.zeros((height, width, 3), np.float32), oversampling, [], 0.5)


@pytest.mark.parametrize('oversampling', [1, 2])
def test_numbers_get_places_of_their_own_on_whole_pixels(oversampling):
    rng = np.random.default_rng(0)
    own, size = canvas(120, 80, oversampling), np.array([30, 20])
    spots = [spot for _ in range(30) if (spot := scenes._free_spot(rng, size, own)) is not None]
    assert 3 < len(spots) == len(own.taken) <= 16
    shown = np.zeros((80, 120), int)
    for x, y in spots:
        assert x % oversampling == y % oversampling == 0
        shown[y : y + 20, x : x + 30] += 1
    assert shown.sum() == len(spots) * 600  # none is cut by the side
    assert shown.max() == 1


def test_what_is_larger_than_the_image_has_no_place():
    own = canvas(40, 30)
    assert scenes._free_spot(np.random.default_rng(0), np.array([41, 10]), own) is None
    assert scenes._free_spot(np.random.default_rng(0), np.array([10, 31]), own) is None
    assert scenes._free_spot(np.random.default_rng(0), np.array([40, 30]), own).tolist() == [0, 0]


def test_a_sign_that_finds_no_place_is_replaced_by_a_number(monkeypatch):
    monkeypatch.setattr(scenes, 'SIGNED', 1.0)
    monkeypatch.setattr(scenes, '_add_sign', lambda *_: None)
    for seed in range(3):
        image, bboxes, labels = scenes.draw(np.random.default_rng(seed), ASSETS, 0.5)
        assert len(bboxes) == len(labels) >= 1
        assert (bboxes[:, :2] + bboxes[:, 2:] <= image.shape[1::-1]).all()


def test_digits_have_their_height_at_the_size_that_the_detector_sees(monkeypatch):
    monkeypatch.setattr(scenes, 'SIGNED', 0.0)
    monkeypatch.setattr(scenes, 'SEEN', (12.0, 12.0))
    heights = []
    for seed in range(12):
        image, bboxes, _ = scenes.draw(np.random.default_rng(seed), ASSETS, 0.0)
        height, width = image.shape[:2]
        assert width <= scenes.INPUT[0]
        scale = min(scenes.INPUT[0] / width, scenes.INPUT[1] / height)
        heights.append(scale * np.median(bboxes[:, 3]))
    assert 8 < min(heights) < 12 < max(heights) < 20  # boxes have margins, and numbers differ by 15 %
    assert np.median(heights) == pytest.approx(12, abs=2)
