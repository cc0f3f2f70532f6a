"""Geometric augmentation: warped pixels and boxes, and canvas sizes."""

import numpy as np
import pytest
import torch
from mmdet.structures.bbox import HorizontalBoxes

from custom.datasets.warp import DigitCrop, DigitWarp, draw_warped, shift, warp_boxes
from custom.utils.errors import UserError

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


@pytest.mark.parametrize('seed', range(20))
def test_a_cut_leaves_more_than_half_of_one_digit_at_an_end(seed):
    results = warped(seed, cut=1.0, **{**STILL, 'zoom': (0.7, 0.7)})
    boxes = results['gt_bboxes'].tensor.numpy()
    canvas = results['img_shape'][1]
    wide = boxes[:, 2] - boxes[:, 0]
    cut, whole = wide.argmin(), wide.argmax()
    assert 0.54 < wide[cut] / wide[whole] < 0.96
    assert boxes[cut, 0] == 0 if cut == 0 else boxes[cut, 2] == canvas
    assert results['gt_bboxes_labels'].tolist() == [0, 1]
    inside = results['img'][int(boxes[cut, 1:4:2].mean())].mean(axis=1)
    assert inside[0 if cut == 0 else canvas - 1] > 200  # the digit reaches the edge


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


def test_ignored_boxes_do_not_limit_the_zoom():
    for seed in range(20):
        boxes = ((45, 20, 55, 30), (0, 0, 100, 50))
        results = warped(seed, sample(boxes, ignored=(1,)), zoom=(2, 2), prob=0, shrink=(1, 1))
        assert results['gt_ignore_flags'].tolist() == [False, True]
        height, width = results['img_shape']
        digit, group = results['gt_bboxes'].tensor.numpy()
        assert digit[3] - digit[1] == pytest.approx(32, abs=0.5)  # 10 of 50 px become 10 of 25, of 80
        assert group.min() >= 0
        assert (group[2:] <= [width, height]).all()


def test_boxes_thinner_than_a_pixel_are_removed_with_their_labels():
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
def test_invalid_ranges_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        DigitWarp((224, 80), **settings)


BOX = np.array([[10.0, 20.0, 30.0, 60.0]])  # 20 x 40 px around (20, 40)


def turn(degrees):
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def test_boxes_move_and_grow_with_the_photo():
    matrix = shift(5, -10) @ np.diag([2.0, 0.5, 1.0])
    assert warp_boxes(matrix, BOX).tolist() == [[25, 0, 65, 20]]
    assert warp_boxes(matrix, np.empty((0, 4))).shape == (0, 4)


def test_a_quarter_turn_swaps_the_sides():
    np.testing.assert_allclose(warp_boxes(turn(90), BOX), [[-60, 10, -20, 30]], atol=1e-9)


@pytest.mark.parametrize('degrees', [-12, 12])
def test_a_small_turn_moves_the_centre_and_keeps_the_size(degrees):
    (left, top, right, bottom) = warp_boxes(turn(degrees), BOX)[0]
    centre = turn(degrees)[:2, :2] @ [20, 40]
    np.testing.assert_allclose([(left + right) / 2, (top + bottom) / 2], centre)
    # sqrt((20 cos)^2 + (40 sin)^2) and sqrt((20 sin)^2 + (40 cos)^2); the corners' box would be 27.9 wide
    np.testing.assert_allclose([right - left, bottom - top], [21.25, 39.35], atol=0.01)


def test_perspective_scales_each_box_by_where_it_lies():
    matrix = np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, 1]])  # at x the scale is 1 / (1 + x / 100)
    boxes = warp_boxes(matrix, np.array([[-1.0, -1.0, 1.0, 1.0], [99.0, -1.0, 101.0, 1.0]]))
    # 100 goes to 50; there y is halved, and x, whose derivative is 1 / (1 + x / 100)^2, quartered
    np.testing.assert_allclose(boxes, [[-1, -1, 1, 1], [49.75, -0.5, 50.25, 0.5]])


def drawn_box(img):
    """Return the box of bright pixels."""
    bright = img[..., 0].astype(float) / 255
    rows, columns = bright.max(axis=1) > 0.5, bright.max(axis=0) > 0.5
    return [columns.argmax(), rows.argmax(), len(columns) - columns[::-1].argmax(), len(rows) - rows[::-1].argmax()]


@pytest.mark.parametrize('zoom', [0.1, 0.3, 1.0, 3.0])
def test_pixels_and_boxes_go_the_same_way(zoom):
    photo = np.zeros((400, 600, 3), np.uint8)
    photo[100:300, 150:250] = 255
    matrix = shift(-100 * zoom, -50 * zoom) @ np.diag([zoom, zoom, 1])
    canvas = (round(400 * zoom), round(300 * zoom))
    img = draw_warped(photo, matrix, canvas)
    assert img.shape == (canvas[1], canvas[0], 3)
    expected = warp_boxes(matrix, np.array([[150.0, 100.0, 250.0, 300.0]]))[0]
    np.testing.assert_allclose(drawn_box(img), expected, atol=0.51)


def test_a_photo_that_covers_the_canvas_is_unchanged():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw_warped(photo, np.eye(3), (30, 20)), photo)
    np.testing.assert_array_equal(draw_warped(photo, shift(-5, -3), (20, 15)), photo[3:18, 5:25])


def test_the_background_has_no_legible_digits():
    photo = np.full((40, 60, 3), 128, np.uint8)
    photo[10:30:4, 10:50] = 0  # the finest detail there is: two rows dark, two bright
    photo[11:30:4, 10:50] = 0
    seen = set()
    for seed in range(30):
        np.random.seed(seed)
        img = draw_warped(photo, shift(70, 30), (200, 100)).astype(int)
        around = np.concatenate([img[:, :60], img[:, 140:]], axis=1)
        detail = np.abs(np.diff(around[..., 0], axis=0)).mean()
        assert detail < 15  # 64 between the rows
        seen.add(img[2, 2].tolist() == [128] * 3)
        np.testing.assert_allclose(img[45:55, 85:115], photo[15:25, 15:45], atol=1)
    assert seen == {True, False}  # its own edge drawn out, and something else


def test_the_background_is_repeated_for_the_same_seed():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for seed in range(5):
        one, other = (np.random.seed(seed) or draw_warped(photo, shift(20, 20), (80, 60)) for _ in range(2))
        np.testing.assert_array_equal(one, other)


def test_a_crop_keeps_all_digits_and_its_margins_in_range():
    for seed in range(30):
        np.random.seed(seed)
        results = DigitCrop(margin=(0.1, 0.5), prob=1)(sample(((100, 60, 120, 100), (130, 60, 150, 100)), (300, 200)))
        boxes = results['gt_bboxes'].tensor.numpy().astype(int)
        height, width = results['img_shape']
        assert [results['img'][y:y2, x:x2].min() for x, y, x2, y2 in boxes] == [255, 255]
        assert (boxes[:, 2:] - boxes[:, :2]).tolist() == [[20, 40], [20, 40]]
        margins = [*boxes.min(axis=0)[:2], width - boxes[:, 2].max(), height - boxes[:, 3].max()]
        assert all(4 <= margin <= 21 for margin in margins)  # 0.1 and 0.5 of 40 px, to whole pixels


def test_a_photo_without_digits_is_not_cropped():
    assert DigitCrop(prob=1)(sample(()))['img_shape'] == (50, 100)


@pytest.mark.parametrize('margin', [(0, 1), (2, 1)])
def test_a_margin_that_is_no_range_is_refused(margin):
    with pytest.raises(UserError, match='DigitCrop: margin='):
        DigitCrop(margin=margin)
