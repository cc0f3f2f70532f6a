import cv2
import numpy as np
import pytest

from custom.inference import multiview
from custom.inference.multiview import REGIONS, TILE_PIXELS, VIEW_PIXELS, MultiView, View, view_of_photo

SCALES, CROPS = (0.9, 2.1, 4.8, 11), (36, 48)
SEARCH = MultiView((320, 80), SCALES, CROPS)


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


class Rectangles:
    """Finds white rectangles of 10 to 76 px as fours; the score is 0.95 from 18 to 60 px, else 0.5."""

    def __init__(self, clear=(18, 60), score=0.95):
        self.clear, self.score = clear, score
        self.batches = []

    @property
    def shapes(self):
        return [view.pixels.shape[:2] for views in self.batches for view in views]

    def detect(self, views):
        self.batches.append(views)
        return [boxes_of(*self.find(view)) for view in views]

    def find(self, view):
        white = (view.pixels[..., 0] > 127).astype(np.uint8)
        for x, y, width, height, _ in cv2.connectedComponentsWithStats(white)[2][1:].tolist():
            if 10 <= height <= 76:
                score = self.score if self.clear[0] <= height <= self.clear[1] else 0.5
                yield np.array([x, y, x + width, y + height]) / np.tile(view.scale, 2), score, 4


def photo(width, height, *boxes):
    """A black photo with white boxes, xyxy in pixels."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 255
    return pixels


def number(left, top, height, digits=2):
    """Boxes of digits half as wide as high, with gaps of a third of their width."""
    width, step = height // 2, height * 2 // 3
    return [(left + i * step, top, left + i * step + width, top + height) for i in range(digits)]


def search(pixels, detector=None, **settings):
    detector = detector or Rectangles()
    (found,) = MultiView(**{**vars(SEARCH), **settings}).detect(detector, [view_of_photo(pixels)])
    return found, detector.shapes


@pytest.mark.parametrize(
    ('size', 'left', 'top', 'height'),
    [
        ((100, 60), 30, 8, 50),
        ((100, 60), 60, 40, 10),
        ((400, 240), 340, 10, 12),
        ((400, 240), 40, 40, 190),
        ((1600, 1200), 1400, 1100, 20),
        ((1600, 1200), 300, 100, 800),
        ((300, 2000), 100, 1500, 20),
        ((4000, 3000), 60, 2900, 44),
    ],
)
def test_numbers_of_any_size_are_found_anywhere(size, left, top, height):
    boxes = number(left, top, height)
    (bboxes, scores, labels), _ = search(photo(*size, *boxes))
    assert labels.tolist() == [4, 4]
    np.testing.assert_allclose(sorted(bboxes.tolist()), boxes, atol=max(1, 0.06 * height))
    assert scores.min() > 0.7
    assert {values.dtype for values in (bboxes, scores)} == {np.dtype(np.float32)}


def test_a_clear_number_of_a_small_photo_takes_one_view_and_its_crops():
    found, shapes = search(photo(100, 60, *number(30, 15, 30)))
    assert len(found[0]) == 2
    assert len(shapes) == 1 + len(CROPS)
    assert shapes[0] == (72, 120)  # 0.9 x 80 px


def test_the_search_goes_on_until_the_digits_are_clear_and_high_enough():
    assert len(search(photo(400, 300, *number(80, 100, 90)))[1]) == 1 + len(CROPS)  # 21.6 px in the first view
    assert len(search(photo(400, 300, *number(80, 100, 60)))[1]) == 2 + len(CROPS)  # 14.4 px
    unclear = Rectangles(clear=(50, 60))
    assert len(search(photo(400, 300, *number(80, 100, 90)), unclear)[1]) == 2 + len(CROPS)  # 50.4 px in the second
    for digits, views in ((1, 5), (2, 1)):  # a single digit has to be clearer; the fourth view is two tiles
        pixels = photo(400, 300, *number(80, 100, 90, digits=digits))
        assert len(search(pixels, Rectangles(score=0.8))[1]) == views + len(CROPS)
    # No number, no crop. The last view, 600 x 800 px, is two tiles.
    assert search(photo(400, 300))[1] == [(72, 96), (168, 224), (384, 512), (600, 448), (600, 448)]


def test_views_are_bounded_in_pixels_and_magnification(monkeypatch):
    monkeypatch.setattr(multiview, 'TILE_PIXELS', 10 * VIEW_PIXELS)
    assert search(photo(60, 36))[1] == [(72, 120)]  # already magnified twice
    assert search(photo(4000, 3000))[1][:3] == [(72, 96), (168, 224), (384, 512)]
    assert search(photo(4000, 3000))[1][3] == (880, 1173)  # 11 x 80 px
    rows, columns = search(photo(4000, 1000))[1][-1]
    assert VIEW_PIXELS * 0.99 < rows * columns <= VIEW_PIXELS * 1.01


@pytest.mark.parametrize('size', [(880, 1173), (90, 13_000), (13_000, 90), (500, 720)])
def test_tiles_cover_a_view_and_overlap(size):
    numbers = np.arange(size[0] * size[1]).reshape(*size, 1)
    tiles = list(multiview._tiles(View(numbers, (0.5, 0.25)), 96))
    assert 1 < len(tiles) <= 6
    seen = np.zeros(numbers.size, int)
    for tile, xyxy in tiles:
        assert tile.pixels.size <= TILE_PIXELS
        seen[tile.pixels.ravel()] += 1
        left, top, right, bottom = (xyxy * (0.5, 0.25, 0.5, 0.25)).astype(int)
        assert (numbers[top:bottom, left:right] == tile.pixels).all()
    assert seen.min() == 1
    across = int((seen.reshape(size)[0] > 1).sum())
    down = int((seen.reshape(size)[:, 0] > 1).sum())
    assert max(across, down) >= 96
    assert len(list(multiview._tiles(View(numbers[:300, :300], (1, 1)), 96))) == 1
    large = list(multiview._tiles(View(numbers, (1, 1)), 960))  # of a model for input of 800 px
    assert len(large) <= 7


def test_digits_at_the_edges_of_tiles_are_found_once_and_whole():
    # The finest view is 880 x 1173 px, four tiles. Digits of 60 px in the photo are 26 px high there.
    for left, top in ((880, 700), (700, 980), (980, 980)):
        truth = number(left, top, 60, digits=6)
        (bboxes, scores, _), shapes = search(photo(2667, 2000, *truth))
        assert (488, 635) in shapes
        np.testing.assert_allclose(sorted(bboxes.tolist()), truth, atol=4)
        assert scores.min() > 0.9


def test_pixels_for_the_detector_are_bounded_however_much_a_photo_shows(monkeypatch):
    boxes = [box for x in range(20, 1900, 240) for y in range(20, 1400, 110) for box in number(x, y, 40, digits=5)]
    detector = Rectangles()
    (found,) = SEARCH.detect(detector, [view_of_photo(photo(2000, 1500, *boxes))])
    assert len(found[0]) == 100
    assert len(detector.shapes) <= len(SCALES) + 3 + REGIONS * len(CROPS)  # the finest view is four tiles
    assert sum(rows * columns for rows, columns in detector.shapes) < 2.5 * VIEW_PIXELS
    assert max(rows * columns for rows, columns in detector.shapes) <= TILE_PIXELS
    for views in detector.batches:
        padded = np.max([view.pixels.shape[:2] for view in views], axis=0).prod() * len(views)
        assert len(views) == 1 or padded <= multiview.BATCH_PIXELS


def test_each_number_has_its_crops():
    several = [box for x, y in [(20, 20), (700, 30), (30, 500)] for box in number(x, y, 40)]
    (bboxes, scores, _), shapes = search(photo(800, 600, *several), scales=(2.1,))
    assert len(shapes) == 1 + 3 * len(CROPS)
    np.testing.assert_allclose(sorted(bboxes.tolist()), sorted(several), atol=2)
    assert scores.min() > 0.7


def test_crops_are_wider_where_no_view_shows_the_digits_well():
    def widths(height):
        _, shapes = search(photo(1000, 200, *number(400, 20, height)), scales=(1,), size=(400, 80), digit_heights=(40,))
        return shapes[1][1]

    assert widths(50) == pytest.approx(126, abs=8)  # 20 px high: 1.16 + 2 x 1 heights of 40 px
    assert widths(30) == pytest.approx(206, abs=8)  # 12 px high: 1.16 + 2 x 2 heights


def test_a_batch_of_photos_keeps_its_order():
    photos = [photo(100, 60, *number(10 * i, 20, 24, digits=i)) for i in (1, 2, 3)]
    photos += [photo(100, 60), photo(600, 500, *number(200, 100, 20))]
    found = SEARCH.detect(Rectangles(), list(map(view_of_photo, photos)))
    assert [len(bboxes) for bboxes, _, _ in found] == [1, 2, 3, 0, 2]
    assert [values.shape for values in found[3]] == [(0, 4), (0,), (0,)]
    assert SEARCH.detect(Rectangles(), []) == []


def test_a_large_photo_is_reduced_and_its_boxes_are_in_its_pixels(monkeypatch):
    monkeypatch.setattr(multiview, 'PHOTO_PIXELS', 40_000)
    pixels = photo(401, 303, *number(200, 100, 60))
    assert view_of_photo(pixels).pixels.shape == (151, 200, 3)
    (bboxes, _, _), shapes = search(pixels)
    np.testing.assert_allclose(sorted(bboxes.tolist()), number(200, 100, 60), atol=4)
    assert shapes[0] == (72, 95)
    assert view_of_photo(np.zeros((1, 90_000, 3), np.uint8)).pixels.shape == (1, 90_000, 3)


def fused(*batches, photos=1, scales=(0.5, 1), pixels=(100, 80), **settings):
    views = [View(np.zeros((pixels[1], pixels[0], 3), np.uint8), (1.0, 1.0))] * photos
    return MultiView((320, 80), scales, **settings).detect(Answers(*batches), views)


def test_views_in_which_a_digit_has_a_good_height_count_equally():
    box = [0, 0, 20, 50]  # 25 and 50 px in the views
    first_view = [[(box, 0.6, 7)], [], [(box, 0.6, 1)]]
    second_view = [[([0, 0, 20, 60], 0.3, 7), ([60, 0, 80, 50], 0.5, 3)], [], [(box, 0.6, 7)]]
    one, two, three = fused(first_view, second_view, photos=3)
    # (0.6 * 50 + 0.3 * 60) / 0.9 = 53.33; the 3 is in one of two views
    np.testing.assert_allclose(one[0], [[0, 0, 20, 160 / 3], [60, 0, 80, 50]], rtol=1e-6)
    np.testing.assert_allclose(one[1], [0.45, 0.25], rtol=1e-6)
    assert one[2].tolist() == [7, 3]
    assert [values.shape for values in two] == [(0, 4), (0,), (0,)]
    assert three[2].tolist() == [1, 7]  # two digits on one place stay two boxes
    assert three[0].tolist() == [box, box]


def test_a_view_in_which_a_digit_is_too_small_or_too_large_hardly_counts():
    tall, small = [0, 0, 30, 80], [60, 0, 66, 14]  # 40 and 80, 7 and 14 px in the views
    first_view = [(tall, 0.6, 7)]
    second_view = [([0, 0, 36, 80], 0.2, 7), (small, 0.6, 1)]
    (found,) = fused([first_view], [second_view])
    # 80 px weigh 0.02: (0.6 + 0.02 * 0.2) / 1.02, and a right edge of (0.6 * 30 + 0.004 * 36) / 0.604.
    # 7 px weigh 0.02, 14 px log(14 / 10) / log(18 / 10) = 0.57: 0.6 * 0.57 / 0.59
    np.testing.assert_allclose(found[0], [[0, 0, 30.04, 80], small], atol=0.01)
    np.testing.assert_allclose(found[1], [0.592, 0.580], atol=0.001)


def test_the_settings_apply():
    found = [[([20 * i, 0, 20 * i + 10, 40], score, i) for i, score in enumerate([0.2, 0.9, 0.5, 0.1])]]
    assert fused(found, scales=(1,), max_per_img=2)[0][2].tolist() == [1, 2]
    assert fused(found, scales=(1,), score_thr=0.15)[0][2].tolist() == [1, 2, 0]
    pair = [[([0, 0, 10, 40], 0.2, 0)]], [[([0, 0, 10, 48], 0.2, 0)]]  # IoU 0.83
    assert [len(fused(*pair, iou_thr=threshold)[0][0]) for threshold in (0.8, 0.9)] == [1, 2]


def test_boxes_beside_a_crop_or_cut_by_it_are_those_of_the_other_views():
    first_view = [([60, 20, 80, 60], 0.9, 7), ([150, 20, 170, 60], 0.09, 1)]
    # The crop is from x = 20 to 120 and as high as the photo. A score below 0.1 makes no region.
    crop = [([40, 20, 60, 60], 0.9, 7), ([0, 20, 10, 60], 0.9, 2), ([80, 0, 97, 80], 0.3, 3)]
    (found,) = fused([first_view], [crop], scales=(1,), pixels=(200, 80), digit_heights=(40,))
    assert dict(zip(found[2].tolist(), found[1].tolist(), strict=True)) == pytest.approx({7: 0.9, 1: 0.09, 3: 0.15})
    np.testing.assert_allclose(found[0][found[2] == 7], [[60, 20, 80, 60]])


def test_a_digit_at_a_side_of_the_photo_keeps_its_score_whatever_the_rounding_of_its_box():
    box = [63.3, 20, 100, 60]
    for score in np.linspace(0.3, 0.9, 40):  # the right side of the mean is 99.99999, 100 or 100.00001 px
        ((_, (found,), _),) = fused([[(box, 0.31, 7)]], [[(box, score, 7)]])
        assert found == pytest.approx((0.31 + score) / 2, rel=1e-5)
    beyond = [60, 20, np.nextafter(np.float32(100), np.float32(200)), 60]
    ((bboxes, scores, _),) = fused([[(beyond, 0.5, 7)]], scales=(1,))
    assert (bboxes.tolist(), scores.tolist()) == ([[60, 20, 100, 60]], [0.5])
