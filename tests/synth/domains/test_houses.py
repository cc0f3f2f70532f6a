"""House numbers."""

import functools
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from custom.synth.domains.houses import draw
from custom.synth.fonts import Face, digit_faces
from custom.synth.scene import Assets

FACES = digit_faces()


@functools.cache
def scene(seed: int, hardness: float):
    return draw(np.random.default_rng(seed), Assets(FACES), hardness)


def test_digits_stand_out_less_when_it_is_harder():
    def contrast(hardness: float) -> float:
        found = []
        for seed in range(60):
            image, bboxes, _ = scene(seed, hardness)
            found += [image[y : y + h, x : x + w].std() for x, y, w, h in bboxes]
        return float(np.median(found))

    assert contrast(1.0) < 0.85 * contrast(0.0)


def test_digits_are_drawn_in_their_boxes():
    found = []
    for seed in range(40):
        image, bboxes, _ = scene(seed, 0.0)
        found += [image[y : y + h, x : x + w].astype(float).std() for x, y, w, h in bboxes]
    assert np.mean(np.array(found) > 12) > 0.95  # of 255: there is ink on a ground


def test_half_of_the_walls_come_from_photos_where_there_are_any(tmp_path):
    red = np.zeros((40, 100, 3), np.uint8)
    red[..., 2] = 200
    cv2.imwrite(str(tmp_path / '1.png'), red)
    corners = [
        draw(np.random.default_rng(seed), Assets(FACES, (str(tmp_path / '1.png'),)), 0.0)
        .image[:3, :3]
        .mean(axis=(0, 1))
        for seed in range(80)
    ]
    share = np.mean([red > 2.5 * max(green, blue) for red, green, blue in corners])
    assert share == pytest.approx(0.5, abs=0.17)


@pytest.mark.parametrize(
    ('seed', 'hardness', 'bboxes', 'labels', 'shape', 'colour', 'following'),
    [
        (0, 0.0, [[40, 10, 8, 24], [47, 10, 9, 24]], [1, 2], (44, 97, 3), (117.7, 84.6, 77.7), 0.663575651),
        (1, 0.5, [[59, 13, 36, 64], [98, 14, 32, 64]], [1, 9], (91, 190, 3), (43.0, 47.3, 77.6), 0.432190654),
        (2, 1.0, [[71, 33, 37, 68], [104, 33, 33, 68]], [6, 2], (139, 198, 3), (162.5, 163.4, 164.4), 0.974598315),
    ],
)
def test_a_seed_keeps_its_image(seed, hardness, bboxes, labels, shape, colour, following):
    """Images of version 5, whose seeds must give the same images until VERSION is raised."""
    rng = np.random.default_rng(seed)
    face = Face(str(Path(matplotlib.__file__).parent / 'mpl-data/fonts/ttf/DejaVuSans-Bold.ttf'))
    image, found, digits = draw(rng, Assets([face]), hardness)
    assert (found.tolist(), digits.tolist(), image.shape) == (bboxes, labels, shape)
    assert image.mean(axis=(0, 1)) == pytest.approx(colour, abs=0.3)  # processors round differently
    assert rng.random() == pytest.approx(following)  # as many random numbers were drawn
