"""The figures as a person reads them, with 95 % intervals."""

import numpy as np

from ..reading.numbers import read_numbers
from ..reading.settings import ReaderConfig
from ..structures.annotations import DigitAnnotations, ground_truth_numbers
from ..structures.detections import Detections
from .average_precision import Matches, match_boxes
from .bootstrap import Figures, affordable_resamples, bootstrap_interval, point
from .number_accuracy import NumberResults


def score(detections: Detections, truth: DigitAnnotations, config: ReaderConfig) -> tuple[NumberResults, Matches]:
    """What `report` takes, from the boxes found, the truth and the way to read.

    Raises:
        UserError: the truth has no digit at all, so that there is nothing to score against.
    """
    readings = read_numbers(detections, truth.image_ids, config)
    return NumberResults.of(readings, ground_truth_numbers(truth)), match_boxes(detections, truth)


def report(numbers: NumberResults | None, matches: Matches | None) -> str:
    """The figures of what there is of both, several lines.

    Example:
        >>> print(report(*score(detections, truth, ReaderConfig())))  # doctest: +SKIP
        number accuracy 0.892 (214 of 240 photos; 95 % interval 0.846-0.929, bootstrap over photos)
          by length: 1 digit 0.912 (31 of 34), 2 digits 0.917 (122 of 133), 3 digits 0.836 (61 of 73)
          edit distance 0.121 (0.079-0.167) a photo | answer -1 on 0.004 (0.000-0.013) of the photos
          digits a photo: wrong 0.067 (0.038-0.100), phantom 0.029 (0.008-0.054), missing 0.025 (0.008-0.046)
          calibration error of the confidence (ECE) 0.041 (0.031-0.083)
          share of the photos, the surest, of which 95 % are right 0.821 (0.654-0.950), 99 % 0.533 (0.242-0.704)
        AP 0.693 (0.672-0.713) | AP50 0.982 (0.970-0.991) | AP75 0.861 (0.831-0.887)
          COCO, mean over the digits; in brackets 95 % intervals, bootstrap over photos, 1000 resamples
          by digit: 0 0.702  1 0.611  2 0.711  3 0.690  4 0.702  5 0.722  6 0.713  7 0.664  8 0.700  9 0.712
    """
    return '\n'.join((_number_lines(numbers) if numbers else []) + (_box_lines(matches) if matches else []))


def _number_lines(numbers: NumberResults) -> list[str]:
    photos = len(numbers.right)
    said, ends = _with_intervals(numbers.figures, photos)
    by_length = ((length, numbers.right[numbers.lengths == length]) for length in np.unique(numbers.lengths).tolist())
    lengths = (f'{n} digit{"" if n == 1 else "s"} {own.mean():.3f} ({own.sum()} of {len(own)})' for n, own in by_length)
    return [
        f'number accuracy {numbers.right.mean():.3f} ({numbers.right.sum()} of {photos} photos; '
        f'95 % interval {ends["accuracy"]}, bootstrap over photos)',
        f'  by length: {", ".join(lengths)}',
        f'  edit distance {said["edit_distance"]} a photo | answer -1 on {said["empty"]} of the photos',
        f'  digits a photo: wrong {said["wrong_digits"]}, phantom {said["phantom_digits"]}, '
        f'missing {said["missing_digits"]}',
        f'  calibration error of the confidence (ECE) {said["ece"]}',
        f'  share of the photos, the surest, of which 95 % are right {said["coverage_95"]}, 99 % {said["coverage_99"]}',
    ]


def _box_lines(matches: Matches) -> list[str]:
    resamples = affordable_resamples(matches.boxes)
    said, _ = _with_intervals(matches.figures, matches.photos, resamples)
    digits = (f'{name[3:]} {text.split()[0]}' for name, text in said.items() if name.startswith('AP_'))
    return [
        ' | '.join(f'{name} {said[name]}' for name in ('AP', 'AP50', 'AP75')),
        f'  COCO, mean over the digits; in brackets 95 % intervals, bootstrap over photos, {resamples} resamples',
        f'  by digit: {"  ".join(digits)}',
    ]


def _with_intervals(figures: Figures, photos: int, resamples: int = 1000) -> tuple[dict[str, str], dict[str, str]]:
    """Each figure as text with its interval, as in `0.892 (0.846-0.929)`, and the intervals alone."""
    ends = {
        name: f'{low:.3f}-{high:.3f}' for name, (low, high) in bootstrap_interval(figures, photos, resamples).items()
    }
    values = point(figures, photos)
    return {name: f'{value:.3f} ({ends.get(name, "no interval")})' for name, value in values.items()}, ends
