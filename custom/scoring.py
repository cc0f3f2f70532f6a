"""Predictions and truth to figures: COCO's average precision and whole-number accuracy."""

from collections.abc import Mapping

import numpy as np

from custom.annotations import DigitAnnotations
from custom.errors import UserError
from custom.geometry import left_to_right
from custom.intervals import point
from custom.matching import ALL_AREAS, match_boxes, matches_of
from custom.overlaps import BEST, find_overlaps
from custom.submission import Detections

# Square pixels, as COCO defines them; most digits of house numbers are small.
SIZES = {'s': (0.0, 32.0**2), 'm': (32.0**2, 96.0**2), 'l': (96.0**2, ALL_AREAS[1])}
NONE = -1.0  # what pycocotools says where there is nothing to find


def average_precision(detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
    """COCO's average precision as pycocotools has it, over all box sizes and the best 100 boxes a photo and digit.

    Args:
        detections: the boxes found, xywh in pixels; those on photos that are not in `truth.image_ids` do not count.
        truth: the photos to score, with their digits.

    Returns:
        `AP` (mean over IoU 0.50, 0.55 … 0.95), `AP50` and `AP75` (mean over the digits at that IoU) and `AP_0` … `AP_9`
        (one digit, mean over IoU), each from 0 to 1 and unrounded. A digit without a box in `truth` has no key.
        With nothing detected all of them are 0.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.

    Example:
        >>> average_precision(read_pred_json('pred.json'), read_annotations('valid.json'))['AP50']  # doctest: +SKIP
        0.91
    """
    matches = match_boxes(detections, truth)
    return point(matches.figures, matches.photos)


def coco_summary(detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
    """The twelve figures that pycocotools prints, in its order.

    Args:
        detections: the boxes found, xywh in pixels; those on photos that are not in `truth.image_ids` do not count.
        truth: the photos to score, with their digits.

    Returns:
        `AP`, `AP50`, `AP75`; `APs`, `APm`, `APl` of small, medium and large boxes; the recalls `AR1`, `AR10` and
        `AR100` of the best so many boxes of each photo and digit, and `ARs`, `ARm`, `ARl`; each a mean over the digits
        from 0 to 1, and -1 where the truth has no box of that size.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.
    """
    overlaps, counts = find_overlaps(detections, truth), (len(truth.image_ids), len(detections))
    matches = {size: matches_of(overlaps, *counts, areas) for size, areas in {'': ALL_AREAS, **SIZES}.items()}
    precision = {size: point(of.figures, of.photos) if of.digits else {'AP': NONE} for size, of in matches.items()}

    def recall(size: str, best: int = BEST) -> float:
        found = [digit.recall(best) for digit in matches[size].digits]
        return float(np.mean(found)) if found else NONE

    return {
        **{name: precision[''][name] for name in ('AP', 'AP50', 'AP75')},
        **{f'AP{size}': precision[size]['AP'] for size in SIZES},
        **{f'AR{best}': recall('', best) for best in (1, 10, BEST)},
        **{f'AR{size}': recall(size) for size in SIZES},
    }


def true_numbers(truth: DigitAnnotations) -> dict[int, str]:
    """The number on each photo: its digits by left edge (by centre where edges tie), crowd boxes left out.

    Returns:
        image_id to number for every photo, in the order of `truth.image_ids`; '' for a photo without a digit.
    """
    numbers = dict.fromkeys(truth.image_ids.tolist(), '')
    order = left_to_right(truth.bboxes[:, 0], truth.bboxes[:, 2])
    order = order[~truth.iscrowd[order]]
    for image_id, label in zip(truth.box_image_ids[order].tolist(), truth.labels[order].tolist(), strict=True):
        numbers[image_id] += str(label)
    return numbers


def number_accuracy(numbers: Mapping[int, str], true: Mapping[int, str]) -> float:
    """Share of the photos whose whole number is right, 0 to 1.

    Args:
        numbers: image_id to the number read, '' where none. A photo that is missing here counts as wrong.
        true: image_id to the true number; these are the photos that count.

    Raises:
        UserError: there is no photo to score.

    Example:
        >>> number_accuracy({1: '05', 2: '7'}, {1: '05', 2: '71', 3: ''})
        0.3333333333333333
    """
    if not true:
        raise UserError('no photo to score: the list of true numbers is empty')
    return sum(numbers.get(image_id) == number for image_id, number in true.items()) / len(true)
