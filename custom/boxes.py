"""Which of the boxes found go into pred.json: the first task is scored box by box, the second number by number."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from custom.geometry import suppress_doubles, xywh_to_xyxy
from custom.ranges import require_number

if TYPE_CHECKING:
    from custom.predictions import Detections


@dataclasses.dataclass(frozen=True)
class BoxConfig:
    """Which boxes are kept.

    Args:
        score_thr: a box is kept when its score is at least this, 0..1. Defaults to 0.001: average precision counts
            boxes of every score, and never grows when the worst are left out.
        iou_thr: of two boxes whose IoU is above this, 0..1, only the better one is kept, whatever their digits.
            Defaults to 1.0, all are kept.

    Raises:
        UserError: a threshold is not a number from 0 to 1.
    """

    score_thr: float = 0.001
    iou_thr: float = 1.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            require_number(name, value, 0, 1)


def filter_boxes(detections: Detections, config: BoxConfig = BoxConfig()) -> Detections:
    """The boxes that are kept, photo by photo, in the order given.

    Args:
        detections: the boxes of all photos, xywh in pixels, in any order.
        config: the thresholds. Defaults to BoxConfig().
    """
    rows = np.flatnonzero(detections.scores >= config.score_thr)
    if config.iou_thr < 1:
        xyxy = xywh_to_xyxy(detections.bboxes)
        kept = suppress_doubles(xyxy[rows], detections.scores[rows], config.iou_thr, detections.image_ids[rows])
        rows = np.sort(rows[kept])
    return detections[rows]
