"""The choice of the boxes that go into pred.json, by average precision."""

from dataclasses import fields, replace

import numpy as np

from custom.annotations import DigitAnnotations
from custom.boxes import BoxConfig, filter_boxes
from custom.predictions import Detections
from custom.scoring import average_precision

IOU_THRESHOLDS = (0.8, 0.65, 0.5)
PHOTOS = 300  # enough for the choice; the more there are, the longer it takes
LEAST_GAIN = 0.001


def choose_boxes(detections: Detections, truth: DigitAnnotations) -> BoxConfig:
    """Choose the IoU above which only the better box is kept, whatever the digits.

    It is chosen on up to 300 photos, dealt into two halves: suppression that does not raise the AP of both halves by
    0.001 is left off. The score threshold stays: AP counts boxes of every score, so that no higher one can raise it.

    Args:
        detections: the boxes found, xywh in pixels.
        truth: the photos and their digits.
    """
    chosen = np.random.default_rng(0).permutation(truth.image_ids)[:PHOTOS]
    halves = [part_of(detections, truth, own) for own in (chosen[::2], chosen[1::2])]
    if not all(np.any(~own.iscrowd) for _, own in halves):
        return BoxConfig()
    best, most = BoxConfig(), [average_precision(*half)['AP'] + LEAST_GAIN for half in halves]
    for iou_thr in IOU_THRESHOLDS:
        config = BoxConfig(iou_thr=iou_thr)
        gains = [average_precision(filter_boxes(found, config), own)['AP'] for found, own in halves]
        if all(gain > least for gain, least in zip(gains, most, strict=True)):
            best, most = config, gains
    return best


def part_of(
    detections: Detections, truth: DigitAnnotations, image_ids: np.ndarray
) -> tuple[Detections, DigitAnnotations]:
    """What was found and what is true on some of the photos."""
    rows = np.isin(detections.image_ids, image_ids)
    columns = {field.name: getattr(detections, field.name)[rows] for field in fields(detections)}
    boxes, photos = np.isin(truth.box_image_ids, image_ids), np.isin(truth.image_ids, image_ids)
    own = {name: getattr(truth, name)[boxes] for name in ('box_image_ids', 'bboxes', 'labels', 'iscrowd')}
    own |= {name: getattr(truth, name)[photos] for name in ('image_ids', 'sizes')}
    return Detections(**columns), replace(truth, file_names=[], **own)
