import numpy as np
import pytest

from custom.homography import draw_warped, shift, warp_boxes

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
    """Box of what is bright, to half a pixel's share."""
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


def test_a_photo_that_covers_the_canvas_is_left_alone():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw_warped(photo, np.eye(3), (30, 20)), photo)
    np.testing.assert_array_equal(draw_warped(photo, shift(-5, -3), (20, 15)), photo[3:18, 5:25])


def test_around_a_photo_lies_nothing_that_could_be_read():
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


def test_what_is_made_up_is_repeated_for_the_same_seed():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for seed in range(5):
        one, other = (np.random.seed(seed) or draw_warped(photo, shift(20, 20), (80, 60)) for _ in range(2))
        np.testing.assert_array_equal(one, other)
