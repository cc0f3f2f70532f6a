import doctest
import importlib
import json

import numpy as np
import pytest

import custom.reading.fusion
from custom.reading.fusion import fuse_boxes, fuse_detections
from custom.structures.detections import Detections
from custom.submission.pred_json import read_sources
from custom.utils.errors import UserError


def view(*boxes):
    """Boxes are (xyxy, score, digit)."""
    xyxy = np.array([box[0] for box in boxes], dtype=np.float64).reshape(-1, 4)
    return xyxy, np.array([box[1] for box in boxes]), np.array([box[2] for box in boxes], dtype=np.int64)


def found(*boxes):
    """Boxes are (image id, xyxy, score, digit)."""
    return Detections.from_model([box[0] for box in boxes], *view(*(box[1:] for box in boxes)))


def rows(detections):
    columns = (detections.image_ids, detections.bboxes, detections.scores, detections.labels)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def random_detections(seed, photos=5, boxes=40):
    """Boxes of 10 x 10 px on a grid of 20 px: none of a source overlaps another of it."""
    rng = np.random.default_rng(seed)
    places = np.concatenate([rng.permutation(100)[:boxes] for _ in range(photos)])
    corners = np.stack([places % 10, places // 10], axis=1) * 20 + rng.uniform(0, 3, (len(places), 2))
    image_ids = np.repeat(np.arange(1, photos + 1), boxes)
    return Detections.from_model(
        image_ids, np.hstack([corners, corners + 10]), rng.uniform(0.001, 1, len(places)), places % 10
    )


def test_the_example_of_the_docstring():
    assert doctest.testmod(custom.reading.fusion).failed == 0


@pytest.fixture(scope='module')
def mmdet_fusion():
    importlib.import_module('custom.register')  # serves the operators that mmdet imports
    return importlib.import_module('mmdet.models.utils').weighted_boxes_fusion


@pytest.mark.parametrize('seed', range(40))
def test_results_are_those_of_mmdet_to_the_last_bit(mmdet_fusion, seed):
    rng = np.random.default_rng(seed)
    kind, views, digits = [np.float32, np.float64][seed % 2], rng.integers(1, 13), rng.integers(1, 11)
    found = []
    for count in rng.integers(0, [8, 100][seed // 2 % 2], views):
        corners, sides = rng.uniform(0, rng.choice([30, 300]), (count, 2)), rng.uniform(1, 30, (count, 2))
        xyxy = np.hstack([corners, corners + sides]).round(seed % 4)  # whole pixels tie, and so do rounded scores
        found.append((xyxy.astype(kind), rng.uniform(0.1, 1, count).round(1 + seed % 7).astype(kind)))
    found = [(*view, rng.integers(0, digits, len(view[0]))) for view in found]
    weights = [None, rng.integers(1, 4, views).tolist(), rng.uniform(0.1, 3, views).tolist()][seed % 3]
    iou_thr = [0.0, 0.3, 0.6][seed // 3 % 3]
    columns = zip(*found, strict=True)
    fused = mmdet_fusion(*columns, weights, iou_thr, conf_type='box_and_model_avg')
    bboxes, scores, labels = (part.numpy() for part in fused)
    best = np.lexsort((labels, -scores))
    expected = bboxes[best].astype(float), scores[best].astype(float), labels[best].astype(int)
    for ours, theirs in zip(fuse_boxes(found, weights, iou_thr, max_boxes=10**6), expected, strict=True):
        assert (ours.dtype, ours.tobytes()) == (theirs.dtype, theirs.tobytes())


def test_boxes_of_one_digit_are_averaged_by_score():
    bboxes, scores, labels = fuse_boxes([view(([0, 0, 10, 10], 0.8, 7)), view(([0, 0, 10, 12], 0.4, 7))])
    np.testing.assert_allclose(bboxes, [[0, 0, 10, (0.8 * 10 + 0.4 * 12) / 1.2]], atol=1e-5)
    np.testing.assert_allclose(scores, [0.6])
    assert labels.tolist() == [7]


def test_weights_count_in_boxes_and_scores():
    views = [view(([0, 0, 10, 10], 0.8, 7)), view(([0, 0, 10, 12], 0.4, 7))]
    bboxes, scores, _ = fuse_boxes(views, weights=[2, 1])
    np.testing.assert_allclose(bboxes, [[0, 0, 10, (1.6 * 10 + 0.4 * 12) / 2]], atol=1e-5)
    np.testing.assert_allclose(scores, [(1.6 + 0.4) / 3])


def test_different_digits_on_one_place_are_not_averaged():
    views = [view(([0, 0, 10, 10], 0.8, 1)), view(([0, 0, 10, 12], 0.6, 7))]
    bboxes, scores, labels = fuse_boxes(views)
    assert bboxes.tolist() == [[0, 0, 10, 10], [0, 0, 10, 12]]
    np.testing.assert_allclose(scores, [0.4, 0.3])  # one of two views has it
    assert labels.tolist() == [1, 7]


def test_the_threshold_of_overlap_decides():
    views = [view(([0, 0, 10, 10], 0.8, 7)), view(([0, 0, 10, 20], 0.4, 7))]  # IoU 0.5
    assert len(fuse_boxes(views, iou_thr=0.49)[1]) == 1
    assert len(fuse_boxes(views, iou_thr=0.51)[1]) == 2


def test_a_view_counts_once_however_many_boxes_it_has_on_a_place():
    doubled = view(([0, 0, 10, 10], 0.8, 7), ([0, 0, 10, 9], 0.8, 7))
    _, scores, _ = fuse_boxes([doubled, view()])
    np.testing.assert_allclose(scores, [0.4])


def test_boxes_that_say_nothing_are_left_out():
    empty = view(([0, 0, 10, 10], 0.0, 7), ([0, 0, 0, 10], 0.8, 7), ([0, 0, 10, 10], 0.009, 7))
    assert fuse_boxes([empty, empty], score_thr=0.01)[0].shape == (0, 4)
    assert fuse_boxes([empty, empty])[1].tolist() == pytest.approx([0.009])
    assert [len(part) for part in fuse_boxes([view(), view()])] == [0, 0, 0]


def test_the_best_come_first_and_no_more_than_asked_for():
    many = view(*(([20 * i, 0, 20 * i + 10, 10], score, i) for i, score in enumerate([0.2, 0.9, 0.5])))
    _, scores, labels = fuse_boxes([many], max_boxes=2)
    assert (scores.tolist(), labels.tolist()) == (pytest.approx([0.9, 0.5]), [1, 2])


@pytest.mark.parametrize('times', [2, 3])
def test_a_source_fused_with_itself_stays_as_it_is(times):
    source = random_detections(0)
    assert rows(fuse_detections([source] * times, [2.0, 1.0, 0.5][:times])) == rows(source)


def test_the_order_of_the_sources_does_not_matter():
    one, two = random_detections(0), random_detections(1)
    there, back = fuse_detections([one, two]), fuse_detections([two, one])
    assert 40 * 5 < len(there) < 2 * 40 * 5  # some of them met
    assert rows(there) == rows(back)


def test_a_photo_that_a_source_lacks_has_no_box_there():
    one = found((3, [0, 0, 10, 10], 0.8, 7), (1, [0, 0, 10, 10], 0.6, 7))
    two = found((3, [0, 0, 10, 10], 0.4, 7))
    assert rows(fuse_detections([one, two])) == [(1, [0, 0, 10, 10], 0.3, 7), (3, [0, 0, 10, 10], 0.6, 7)]
    assert rows(fuse_detections([one, found()])) == [(1, [0, 0, 10, 10], 0.3, 7), (3, [0, 0, 10, 10], 0.4, 7)]
    assert len(fuse_detections([found(), found()])) == 0


def test_progress_gets_the_photos_once():
    calls = []

    def progress(image_ids):
        calls.append(image_ids)
        return iter(image_ids)

    fuse_detections([found((3, [0, 0, 10, 10], 0.8, 7)), found((1, [0, 0, 10, 10], 0.6, 7))], progress=progress)
    assert calls == [[1, 3]]


def test_more_than_a_hundred_boxes_only_where_a_source_has_them():
    def line(count, top):
        return found(*((1, [20 * i, top, 20 * i + 10, top + 10], 0.5, 7) for i in range(count)))

    assert len(fuse_detections([line(80, 0), line(80, 50)])) == 100
    assert len(fuse_detections([line(120, 0), line(80, 50)])) == 120


@pytest.mark.parametrize(
    ('weights', 'iou_thr', 'said'),
    [
        ([1.0], 0.6, '1 weights for 2 sets of predictions; give one for each'),
        ([1.0, 0.0], 0.6, 'weight 0: must be above 0'),
        ([1.0, float('nan')], 0.6, 'weight nan: must be above 0'),
        (None, 1.5, 'iou_thr=1.5: must be a number from 0 to 1'),
    ],
)
def test_settings_out_of_range_are_said(weights, iou_thr, said):
    with pytest.raises(UserError) as error:
        fuse_detections([found(), found()], weights, iou_thr)
    assert str(error.value) == said


def test_sources_that_do_not_belong_together_are_said(tmp_path):
    def write(name, image_id, score):
        entry = {'image_id': image_id, 'bbox': [0, 0, 5, 5], 'score': score, 'category_id': 1}
        (tmp_path / name).write_text(json.dumps([entry]))
        return tmp_path / name

    one, other, logit = write('one.json', 1, 0.5), write('other.json', 2, 0.5), write('logit.json', 1, 3.5)
    (tmp_path / 'empty.json').write_text('[]')
    for paths, said in (
        ([one], f'{one}: one file alone'),
        ([one, other], f'{one}: none of its photos is in another file'),
        ([one, one, other], f'{other}: none of its photos is in another file'),
        ([one, logit], f'{logit}: 1 scores are outside 0..1, first: 3.5'),
        ([one, tmp_path], f'{tmp_path}: cannot be read'),
    ):
        with pytest.raises(UserError) as error:
            read_sources(paths)
        assert str(error.value).startswith(said)
    assert [len(source) for source in read_sources([one, one, tmp_path / 'empty.json'])] == [1, 1, 0]
