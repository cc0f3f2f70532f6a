import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes

from custom.errors import UserError
from custom.register import DigitWarp

STILL = {'shrink': (1, 1), 'zoom': (1, 1), 'prob': 0}


def sample(boxes=((10, 5, 25, 45), (30, 5, 45, 45)), size=(100, 50), ignored=()):
    """A dark photo whose digits are bright blocks."""
    photo = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, right, bottom in boxes:
        photo[top:bottom, left:right] = 255
    return {
        'img': photo,
        'img_shape': photo.shape[:2],
        'gt_bboxes': HorizontalBoxes(torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)),
        'gt_bboxes_labels': np.arange(len(boxes)),
        'gt_ignore_flags': np.array([i in ignored for i in range(len(boxes))], dtype=bool),
    }


def warped(seed=0, photo=None, scale=(224, 80), **settings):
    np.random.seed(seed)
    return DigitWarp(scale, **settings)(photo or sample())


def test_without_randomness_it_is_a_resize():
    # The photo may move by a tenth of its size, as far as its digits allow.
    results = warped(**STILL, scale=(192, 192))
    assert results['img'].shape == (96, 192, 3)
    assert results['img_shape'] == (96, 192)
    assert results['scale_factor'] == pytest.approx((1.92, 1.92))
    boxes = results['gt_bboxes'].tensor.numpy()
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], [[28.8, 76.8], [28.8, 76.8]], atol=1e-4)
    np.testing.assert_allclose(boxes[1] - boxes[0], [38.4, 0, 38.4, 0], atol=1e-4)
    assert results['gt_bboxes_labels'].tolist() == [0, 1]


@pytest.mark.parametrize('size', [(100, 50), (400, 60), (40, 90)])
def test_the_canvas_is_never_larger_than_its_scale(size):
    shapes = {warped(seed, sample(((10, 5, 25, 45),), size))['img_shape'] for seed in range(30)}
    assert len(shapes) > 3
    assert {side % 16 for shape in shapes for side in shape} == {0}
    assert max(height for height, _ in shapes) <= 80
    assert max(width for _, width in shapes) <= 224


def test_a_scale_between_multiples_is_not_exceeded():
    shapes = {warped(seed, sample(size=(60, 60)), scale=(70, 70))['img_shape'] for seed in range(10)}
    assert (64, 64) in shapes
    assert max(max(shape) for shape in shapes) == 64


@pytest.mark.parametrize('seed', range(40))
def test_digits_stay_whole_and_their_boxes_fit(seed):
    results = warped(seed, sample(((3, 3, 20, 47), (80, 3, 97, 47))), zoom=(0.35, 2))
    height, width = results['img_shape']
    boxes = results['gt_bboxes'].tensor.numpy()
    assert results['gt_bboxes_labels'].tolist() == [0, 1]
    assert (boxes >= -1e-3).all()
    assert (boxes <= np.array([width, height, width, height]) + 1e-3).all()
    for left, top, right, bottom in boxes.round().astype(int):
        assert results['img'][(top + bottom) // 2, (left + right) // 2].min() > 200
        # Blocks fill their boxes' corners where digits do not: turned, they reach out a little.
        inside = results['img'][top:bottom, left:right, 0] > 127
        assert inside.mean() > 0.6


def test_digits_get_the_heights_that_the_zoom_asks_for():
    heights = []
    for seed in range(200):
        results = warped(seed, sample(((30, 10, 45, 40),)))
        (box,) = results['gt_bboxes'].tensor.numpy()
        heights.append((box[3] - box[1]) / results['img_shape'][0])
    low, middle, high = np.percentile(heights, [10, 50, 90])
    assert 0.15 < low < 0.3  # 0.6 of the photo's height, times a zoom of 0.35 to 1.15
    assert 0.3 < middle < 0.45
    assert 0.5 < high < 0.75


def test_the_zoom_leaves_digits_high_enough():
    small = sample(((30, 20, 36, 32),))  # 12 of 50 px, a quarter of the photo's height
    for seed in range(20):
        results = warped(seed, {**small}, zoom=(0.1, 0.1), prob=0, min_digit=9)
        (box,) = results['gt_bboxes'].tensor.numpy()
        assert box[3] - box[1] == pytest.approx(9, abs=0.01)


def test_a_photo_without_digits_is_warped_too():
    results = warped(1, sample(()))
    assert results['gt_bboxes'].tensor.shape == (0, 4)
    assert results['img_shape'] == results['img'].shape[:2]


def test_what_is_ignored_does_not_hold_the_photo_back():
    for seed in range(20):
        boxes = ((45, 20, 55, 30), (0, 0, 100, 50))
        results = warped(seed, sample(boxes, ignored=(1,)), zoom=(2, 2), prob=0, shrink=(1, 1))
        assert results['gt_ignore_flags'].tolist() == [False, True]
        height, width = results['img_shape']
        digit, group = results['gt_bboxes'].tensor.numpy()
        assert digit[3] - digit[1] == pytest.approx(32, abs=0.5)  # 10 of 50 px become 10 of 25, of 80
        assert group.min() >= 0
        assert (group[2:] <= [width, height]).all()


def test_boxes_thinner_than_a_pixel_go_with_their_labels():
    boxes = ((10, 5, 25, 45), (60, 20, 61, 40))
    results = warped(0, sample(boxes), scale=(50, 25), **STILL)
    assert results['gt_bboxes_labels'].tolist() == [0]
    assert len(results['gt_bboxes']) == len(results['gt_ignore_flags']) == 1


def test_nothing_is_mirrored():
    photo = sample(((10, 5, 25, 45), (70, 5, 85, 45)))
    photo['img'][:, :50] //= 2  # the left one is darker
    for seed in range(20):
        results = warped(seed, {**photo})
        left, right = results['gt_bboxes'].tensor.numpy()
        assert left[0] < right[0]
        levels = [results['img'][int(b[1] + b[3]) // 2, int(b[0] + b[2]) // 2, 0] for b in (left, right)]
        assert levels[0] < levels[1]


def test_a_seed_gives_the_same_photo_again():
    one, other = (warped(3) for _ in range(2))
    np.testing.assert_array_equal(one['img'], other['img'])
    assert not np.array_equal(one['img'], warped(4)['img'])


@pytest.mark.parametrize(
    ('settings', 'said'),
    [({'zoom': (0, 1)}, r'zoom=\(0, 1\)'), ({'aspect': (2, 1)}, 'aspect'), ({'perspective': 1}, 'perspective=1')],
)
def test_ranges_that_cannot_be_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        DigitWarp((224, 80), **settings)
