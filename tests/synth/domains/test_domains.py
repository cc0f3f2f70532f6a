"""The common promises of all domains of synthetic images."""

import functools

import numpy as np
import pytest

from custom.synth import panel
from custom.synth.domains import DOMAINS
from custom.synth.fonts import digit_faces
from custom.synth.scene import Assets

IMAGES = 20


@functools.cache
def scenes(name: str, hardness: float):
    assets = Assets(digit_faces())
    return [DOMAINS[name](np.random.default_rng([seed, 5]), assets, hardness) for seed in range(IMAGES)]


@pytest.mark.parametrize('hardness', [0.0, 1.0])
@pytest.mark.parametrize('name', DOMAINS)
def test_boxes_lie_in_the_image_one_a_digit(name, hardness):
    for image, bboxes, labels in scenes(name, hardness):
        height, width = image.shape[:2]
        assert image.dtype == np.uint8
        assert image.shape[2] == 3
        assert bboxes.dtype == labels.dtype == np.int64
        assert bboxes.shape == (len(labels), 4)
        assert bool(len(labels)) == (name != 'empty')
        assert set(labels.tolist()) <= set(range(10))
        assert (bboxes[:, :2] >= 0).all()
        assert (bboxes[:, 2:] >= 1).all()
        assert (bboxes[:, :2] + bboxes[:, 2:] <= (width, height)).all()


@pytest.mark.parametrize(('name', 'digits'), [('displays', 1), ('registers', 3)])
def test_a_panel_has_its_digits_and_is_no_larger_than_it_may_be(name, digits):
    for image, _, labels in scenes(name, 0.0) + scenes(name, 1.0):
        height, width = image.shape[:2]
        assert max(width / panel.LARGEST[0], height / panel.LARGEST[1]) <= 1.01
        assert len(labels) >= digits


@pytest.mark.parametrize('name', DOMAINS)
def test_same_randomness_same_scene(name):
    first = scenes(name, 1.0)[3]
    again = DOMAINS[name](np.random.default_rng([3, 5]), Assets(digit_faces()), 1.0)
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first.image, scenes(name, 1.0)[4].image)


@pytest.mark.parametrize('name', [name for name in DOMAINS if name != 'empty'])
def test_a_clean_image_has_ink_in_each_box(name):
    spread = [
        image[y : y + h, x : x + w].astype(float).std()
        for image, bboxes, _ in scenes(name, 0.0)
        for x, y, w, h in bboxes.tolist()
    ]
    assert np.mean(np.array(spread) > 8) > 0.9  # of 255


def test_images_of_a_domain_without_numbers_differ_from_one_another():
    means = np.array([image.mean(axis=(0, 1)) for image, *_ in scenes('empty', 0.5)])
    assert means.std(axis=0).min() > 10
