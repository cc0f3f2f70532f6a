"""Weighted boxes fusion: what several models find on a photo, or one model at several scales, becomes one set of boxes.

Boxes of one digit that overlap are averaged, weighted by their scores (Solovyev et al., arXiv:1910.13302). Boxes of
different digits never are: where one model sees a 1 and another a 7, both boxes stay as they are, each with its share
of the score, and the reader takes the better one.
"""

import functools
import importlib
import math
import os
from collections.abc import Callable, Sequence

import numpy as np
from tqdm import tqdm

from custom.errors import UserError
from custom.geometry import xywh_to_xyxy
from custom.predictions import Detections, read_pred_json

MAX_BOXES = 100  # a photo; COCO counts no more of a category
Boxes = tuple[np.ndarray, np.ndarray, np.ndarray]  # (N, 4) xyxy in pixels, (N,) scores, (N,) labels


@functools.cache
def _library() -> Callable:
    """MMDetection's implementation, imported when it is needed: torch takes seconds, which --help need not wait for."""
    importlib.import_module('custom.register')  # serves what mmdet imports
    from mmdet.models.utils import weighted_boxes_fusion

    return weighted_boxes_fusion


def fuse_boxes(
    views: Sequence[Boxes],
    weights: Sequence[float] | None = None,
    iou_thr: float = 0.6,
    score_thr: float = 0.0,
    max_boxes: int = MAX_BOXES,
) -> Boxes:
    """Fuse several views of one photo.

    A fused score is the mean over all views, where a view without the box counts as 0: scores stay in 0..1, but a box
    that few views have falls under thresholds that were tuned for one view. Tune the reader on fused predictions.

    Args:
        views: for each view, boxes (N, 4) xyxy in pixels, scores (N,) in 0..1 and labels (N,).
        weights: how much each view counts, above 0. Defaults to None, all the same.
        iou_thr: boxes of one digit are fused when their IoU is above this, 0..1. Defaults to 0.6.
        score_thr: boxes whose score is less are left out beforehand, as are those of no score or no area.
            Defaults to 0.0.
        max_boxes: of the fused boxes, this many with the best scores are returned. Defaults to 100.

    Returns:
        Boxes, scores and labels as in a view, best score first.

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
    bboxes, scores, labels = (
        values.numpy().astype(np.float64)
        # The kind of mean that counts a view once, however many boxes of it are fused.
        for values in _library()(*zip(*kept, strict=True), weights, iou_thr, conf_type='box_and_model_avg')
    )
    best = np.lexsort((labels, -scores))[:max_boxes]
    return bboxes.reshape(-1, 4)[best], scores[best], labels[best].astype(np.int64)


def read_sources(paths: Sequence[str | os.PathLike]) -> list[Detections]:
    """Read two or more pred.json of the same photos.

    Raises:
        UserError: fewer than two files, one that is no pred.json, holds a score outside 0..1, or speaks of none of the
            photos of the others.
    """
    if len(paths) < 2:
        raise UserError(f'{paths[0]}: one file alone is nothing to fuse; give two or more of the same photos')
    sources = [read_pred_json(path) for path in paths]
    for i, (path, source) in enumerate(zip(paths, sources, strict=True)):
        outside = source.scores[(source.scores < 0) | (source.scores > 1)]
        if outside.size:
            raise UserError(f'{path}: {outside.size} scores are outside 0..1, first: {outside[0]:g}')
        others = np.concatenate([other.image_ids for other in sources[:i] + sources[i + 1 :]])
        if len(source) and len(others) and not np.isin(source.image_ids, others).any():
            raise UserError(f'{path}: none of its photos is in another file; give predictions of the same photos')
    return sources


def fuse_detections(
    sources: Sequence[Detections], weights: Sequence[float] | None = None, iou_thr: float = 0.6
) -> Detections:
    """Fuse what several models found on the same photos; a photo that a source lacks has no box there.

    Three sources of 100 boxes a photo take 16 ms a photo, of 60 boxes 14 ms. A terminal shows a bar after 2 s.

    Args:
        sources: the detections of each model, scores in 0..1.
        weights: how much each source counts, above 0. Defaults to None, all the same.
        iou_thr: boxes of one digit are fused when their IoU is above this, 0..1. Defaults to 0.6.

    Returns:
        The fused boxes, photos in ascending order of their ids, best score first. A photo has at most 100, or as many
        as the source that has most there.

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
    nothing = _rows(Detections.from_model([], [], [], []), slice(None))
    fused = []
    image_ids = sorted(set().union(*photos))
    for image_id in tqdm(image_ids, 'fusing', unit=' photos', delay=2, leave=False, disable=None):
        views = [photo.get(image_id, nothing) for photo in photos]
        most = max(MAX_BOXES, *(len(scores) for _, scores, _ in views))
        bboxes, scores, labels = fuse_boxes(views, weights, iou_thr, max_boxes=most)
        fused.append(Detections.from_model([image_id] * len(scores), bboxes, scores, labels))
    return Detections.concatenate(fused)


def _rows(detections: Detections, rows: np.ndarray | slice) -> Boxes:
    xywh = detections.bboxes[rows]
    xyxy = xywh_to_xyxy(xywh)
    return xyxy, detections.scores[rows], detections.labels[rows]


def _by_photo(detections: Detections) -> dict[int, Boxes]:
    order = np.argsort(detections.image_ids, kind='stable')
    found, starts = np.unique(detections.image_ids[order], return_index=True)
    parts = np.split(order, starts[1:])  # [[]] where there are none
    return {image_id: _rows(detections, rows) for image_id, rows in zip(found.tolist(), parts, strict=False)}
