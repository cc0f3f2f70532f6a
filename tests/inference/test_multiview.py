import numpy as np
import pytest

from custom.inference.multiview import MultiView, View, raise_outside


def boxes_of(*found):
    """Boxes, scores and labels of (xyxy, score, digit)."""
    bboxes, scores, labels = zip(*found, strict=True) if found else ((), (), ())
    bboxes = np.array(bboxes, dtype=np.float32).reshape(-1, 4)
    return bboxes, np.array(scores, dtype=np.float32), np.array(labels, dtype=np.int64)


class Answers:
    """A detector that gives the next of the answers prepared, whatever it gets."""

    def __init__(self, *batches):
        self.batches = list(batches)

    def detect(self, views):
        batch = self.batches.pop(0)
        assert len(batch) == len(views)
        return [boxes_of(*found) for found in batch]


def fused(*batches, photos=1, **settings):
    view = View(np.zeros((20, 40, 3), np.uint8), (1.0, 1.0))
    return MultiView(**settings).detect(Answers(*batches), [[view] * len(batches)] * photos)


def test_views_are_fused_photo_by_photo():
    box = [0, 0, 10, 10]
    first_view = [[(box, 0.8, 7)], [], [(box, 0.8, 1)]]
    second_view = [[([0, 0, 10, 12], 0.4, 7), ([20, 0, 30, 10], 0.5, 3)], [], [(box, 0.6, 7)]]
    one, two, three = fused(first_view, second_view, photos=3)
    # (0.8 * 10 + 0.4 * 12) / 1.2 = 10.667; the 3 is in one of two views
    np.testing.assert_allclose(one[0], [[0, 0, 10, 32 / 3], [20, 0, 30, 10]], rtol=1e-6)
    np.testing.assert_allclose(one[1], [0.6, 0.25], rtol=1e-6)
    assert one[2].tolist() == [7, 3]
    assert [values.shape for values in two] == [(0, 4), (0,), (0,)]
    assert three[2].tolist() == [1, 7]  # two digits on one place stay two boxes
    assert three[0].tolist() == [box, box]
    assert {values.dtype for boxes in (one, two, three) for values in boxes[:2]} == {np.dtype(np.float32)}


def test_the_settings_apply():
    found = [[([20 * i, 0, 20 * i + 10, 10], score, i) for i, score in enumerate([0.2, 0.9, 0.5, 0.1])]]
    assert fused(found, found, max_per_img=2)[0][2].tolist() == [1, 2]
    assert fused(found, found, score_thr=0.15)[0][2].tolist() == [1, 2, 0]
    pair = [[([0, 0, 10, 10], 0.2, 0)]], [[([0, 0, 10, 12], 0.2, 0)]]  # IoU 0.83
    assert [len(fused(*pair, iou_thr=threshold)[0][0]) for threshold in (0.8, 0.9)] == [1, 2]


class Square:
    """Finds the white square in each view; the score is its height in pixels of the view, over 100."""

    def __init__(self):
        self.shapes = []

    def detect(self, views):
        assert views
        return [boxes_of(*self.find(view)) for view in views]

    def find(self, view):
        self.shapes.append(view.pixels.shape[:2])
        white = np.argwhere(view.pixels[..., 0] > 127)
        if not len(white):
            return []
        top, left, bottom, right = *white.min(axis=0), *(white.max(axis=0) + 1)
        return [(np.array([left, top, right, bottom]) / np.tile(view.scale, 2), (bottom - top) / 100, 4)]


def view(factor, square=None):
    """A black photo of 200 x 100 px at a multiple of its size; the square is xyxy in pixels of the photo."""
    pixels = np.zeros((round(100 * factor), round(200 * factor), 3), np.uint8)
    if square:
        left, top, right, bottom = (round(side * factor) for side in square)
        pixels[top:bottom, left:right] = 255
    return View(pixels, (factor, factor))


def test_the_number_is_searched_again_in_crops_and_found_in_pixels_of_the_photo():
    detector = Square()
    photos = [[view(factor, square) for factor in (1, 2, 0.5)] for square in (None, (120, 40, 130, 60))]
    empty, found = MultiView(digit_heights=(40, 60)).detect(detector, photos)
    assert detector.shapes[:4] == [(100, 200)] * 2 + [(200, 400)] * 2
    # Crops are cut from the photo at half its size: a digit of 10 px, with 10 px on either side and 7 above and below,
    # makes 25 x 24 px, which are scaled by four and by six. The photo without a number has no crop.
    assert detector.shapes[4:] == [(96, 100), (144, 150)]
    assert found[2].tolist() == [4]
    assert found[1].tolist() == pytest.approx([(0.2 + 0.4 + 0.4 + 0.6) / 4], abs=0.01)
    np.testing.assert_allclose(found[0], [[120, 40, 130, 60]], atol=0.5)
    assert len(empty[0]) == 0


def test_boxes_outside_the_crop_are_scored_by_the_first_views_alone():
    class Neighbour(Square):
        """Finds a second box, far from the square, in whole photos."""

        def find(self, view):
            far = [([10, 40, 20, 60], 0.25, 7)] if view.pixels.shape[1] == 2 * view.pixels.shape[0] else []
            return [*super().find(view), *far]

    photo = [view(factor, (120, 40, 130, 60)) for factor in (1, 2, 0.5)]
    ((bboxes, scores, labels),) = MultiView(digit_heights=(10,)).detect(Neighbour(), [photo])
    assert labels.tolist() == [7, 4]  # best score first
    assert scores.tolist() == pytest.approx([0.25, (0.2 + 0.4 + 0.1) / 3], abs=0.005)
    np.testing.assert_allclose(bboxes[0], [10, 40, 20, 60], atol=0.5)


def test_photos_without_a_number_are_not_searched_again():
    detector = Square()
    MultiView(digit_heights=(40,)).detect(detector, [[view(1), view(1)]])
    assert detector.shapes == [(100, 200)]


def test_scores_are_raised_by_the_centre_and_not_above_1():
    boxes = boxes_of(([4, 4, 16, 16], 0.7, 1), ([15, 4, 25, 16], 0.6, 2), ([19, 4, 29, 16], 0.55, 3))
    raised = raise_outside(boxes, np.array([0, 0, 20.0, 20]), 2.0)
    assert raised[2].tolist() == [3, 1, 2]  # its centre is at x = 24, those of the others at 10 and 20
    np.testing.assert_allclose(raised[1], [1, 0.7, 0.6], rtol=1e-6)
