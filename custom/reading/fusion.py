"""Weighted boxes fusion (Solovyev et al., arXiv:1910.13302) of several models, or of several views of one model.

Overlapping boxes of one label are averaged, weighted by their scores. Boxes of different labels are never fused.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..structures.detections import Detections
from ..structures.geometry import xywh_to_xyxy
from ..utils.errors import UserError

MAX_BOXES = 100  # per image; COCO counts no more of a category
Boxes = tuple[np.ndarray, np.ndarray, np.ndarray]  # (N, 4) xyxy in pixels, (N,) scores, (N,) labels
EMPTY: Boxes = (np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))


def fuse_boxes(
    views: Sequence[Boxes],
    weights: Sequence[float] | None = None,
    iou_thr: float = 0.6,
    score_thr: float = 0.0,
    max_boxes: int = MAX_BOXES,
) -> Boxes:
    """Fuse several views of one photo; return boxes as in a view, best first.

    A fused score is the mean over all views; a view without the box counts as 0. Boxes in few views therefore fall
    below thresholds that were tuned for one view: tune the reader on fused predictions.

    Args:
        views: for each view, boxes (N, 4) xyxy in pixels, scores (N,) in 0..1 and labels (N,).
        weights: of the views, above 0. Defaults to None, equal.
        iou_thr: boxes of one label are fused if their IoU is above this, 0..1. Defaults to 0.6.
        score_thr: boxes with a lower score are dropped, as are those without score or area. Defaults to 0.0.
        max_boxes: number of fused boxes kept. Defaults to 100.

    Example:
        >>> short = np.array([[0, 0, 10, 10.0]]), np.array([0.8]), np.array([7])
        >>> tall = np.array([[0, 0, 10, 12.0]]), np.array([0.4]), np.array([7])
        >>> boxes, scores, labels = fuse_boxes([short, tall])
        >>> boxes.round(2).tolist(), scores.round(2).tolist()  # (0.8 * 10 + 0.4 * 12) / 1.2 = 10.67
        ([[0.0, 0.0, 10.0, 10.67]], [0.6])
    """
    kept = []
    for bboxes, scores, labels in views:
        keep = (scores > 0) & (scores >= score_thr) & (bboxes[:, 2:] > bboxes[:, :2]).all(axis=1)
        kept.append((bboxes[keep], scores[keep], labels[keep]))
    view = np.repeat(np.arange(len(kept)), [len(scores) for _, scores, _ in kept])
    bboxes, scores, labels = (np.concatenate(column) for column in zip(*kept, strict=True))
    view_weights = np.ones(len(kept)) if weights is None else np.array(weights, dtype=np.float64)
    bboxes, scores = bboxes.astype(np.float64), scores.astype(np.float64) * view_weights[view]
    fused = []
    for label in dict.fromkeys(labels.tolist()):
        own = np.flatnonzero(labels == label)
        own = own[scores[own].argsort()[::-1]]
        clusters = _fuse_label(bboxes[own], scores[own], view[own], view_weights, iou_thr)
        fused.append((*clusters, np.full(len(clusters[0]), label)))
    if not fused:
        return EMPTY
    bboxes, scores, labels = (np.concatenate(column) for column in zip(*fused, strict=True))
    order = scores.argsort()[::-1]
    bboxes, scores = (values[order].astype(np.float32).astype(np.float64) for values in (bboxes, scores))
    best = np.lexsort((labels[order], -scores))[:max_boxes]
    return bboxes[best], scores[best], labels[order][best].astype(np.int64)


def _fuse_label(
    bboxes: np.ndarray, scores: np.ndarray, view: np.ndarray, view_weights: np.ndarray, iou_thr: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fuse the boxes of one label on one photo into clusters (C, 4) xyxy with scores (C,).

    Sums and averages are float32, in the order of MMDetection's `weighted_boxes_fusion`: the results are equal to the
    last bit. Each cluster is kept in the row of its first box.
    Boxes (N, 4) are xyxy in pixels, best first. Scores (N,) are already multiplied by the weights (V,) of their views
    (N,). A box joins the cluster of greatest IoU above `iou_thr`. Floats are float64.
    """
    sums = (scores[:, None] * bboxes).astype(np.float32)
    score_sums, weight_sums, counts = scores.copy(), view_weights[view], np.ones(len(scores))
    has_view = view[:, None] == np.arange(len(view_weights))
    averages = bboxes.tolist()
    areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(axis=1).tolist()
    clusters: list[int] = []
    for i, (left, top, right, bottom) in enumerate(bboxes.tolist()):  # plain numbers are faster than short arrays
        area, best, best_iou = areas[i], -1, iou_thr
        for cluster in clusters:
            other_left, other_top, other_right, other_bottom = averages[cluster]
            if other_left < right and left < other_right and other_top < bottom and top < other_bottom:
                width = min(other_right, right) - max(other_left, left)
                overlap = width * (min(other_bottom, bottom) - max(other_top, top))
                iou = overlap / (areas[cluster] + area - overlap)
                if iou > best_iou:
                    best, best_iou = cluster, iou
        if best < 0:
            clusters.append(i)
            continue
        sums[best] += scores[i] * bboxes[i]
        score_sums[best] += scores[i]
        weight_sums[best] += view_weights[view[i]]
        counts[best] += 1
        has_view[best, view[i]] = True
        average = (sums[best].astype(np.float64) / score_sums[best]).astype(np.float32)
        averages[best] = left, top, right, bottom = average.tolist()
        areas[best] = (right - left) * (bottom - top)
    means = score_sums / counts
    means, weight_sums = (np.where(counts > 1, values.astype(np.float32), values) for values in (means, weight_sums))
    # The mean over the views counts a view once, however many of its boxes are in the cluster.
    shares = np.array([view_weights[views].sum() for views in has_view])
    return np.array(averages)[clusters], (means * counts / weight_sums * shares / view_weights.sum())[clusters]


def fuse_detections(
    sources: Sequence[Detections],
    weights: Sequence[float] | None = None,
    iou_thr: float = 0.6,
    progress: Callable[[list[int]], Iterable[int]] = iter,
) -> Detections:
    """Fuse the detections of several models on the same photos.

    Args:
        sources: the detections of each model, scores in 0..1. A photo missing from a source has no boxes there.
        weights: of the sources, above 0. Defaults to None, equal.
        iou_thr: boxes of one label are fused if their IoU is above this, 0..1. Defaults to 0.6.
        progress: takes the image ids and yields them again, as tqdm does. Defaults to iter.

    Returns:
        The fused boxes, by image id, best first; at most 100 per image, or the largest number in a source.

    Raises:
        UserError: the number of weights, a weight or the threshold is out of range.
    """
    if weights is not None and len(weights) != len(sources):
        raise UserError(f'{len(weights)} weights for {len(sources)} sets of predictions; give one for each')
    if wrong := [weight for weight in weights or () if not 0 < weight < math.inf]:
        raise UserError(f'weight {wrong[0]:g}: must be above 0')
    if not 0 <= iou_thr <= 1:
        raise UserError(f'iou_thr={iou_thr:g}: must be a number from 0 to 1')
    photos = [_by_photo(source) for source in sources]
    fused = []
    for image_id in progress(sorted(set().union(*photos))):
        views = [photo.get(image_id, EMPTY) for photo in photos]
        most = max(MAX_BOXES, *(len(scores) for _, scores, _ in views))
        bboxes, scores, labels = fuse_boxes(views, weights, iou_thr, max_boxes=most)
        fused.append(Detections.from_model([image_id] * len(scores), bboxes, scores, labels))
    return Detections.concatenate(fused)


def _by_photo(detections: Detections) -> dict[int, Boxes]:
    order = np.argsort(detections.image_ids, kind='stable')
    image_ids, starts = np.unique(detections.image_ids[order], return_index=True)
    columns = xywh_to_xyxy(detections.bboxes), detections.scores, detections.labels
    parts = zip(*(np.split(column[order], starts[1:]) for column in columns), strict=True)  # one, empty, without boxes
    return dict(zip(image_ids.tolist(), parts, strict=False))
