"""Figures with 95 % intervals as text."""

import numpy as np

from ..reading.numbers import read_numbers
from ..reading.settings import ReaderConfig
from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.detections import Detections
from .average_precision import Matches, match_boxes
from .bootstrap import affordable_resamples
from .number_accuracy import NumberResults


def score(detections: Detections, truth: DigitAnnotations, config: ReaderConfig) -> tuple[NumberResults, Matches]:
    """Compute the arguments of `report`; errors as in `match_boxes`."""
    readings = read_numbers(detections, truth.image_ids, config)
    return NumberResults.of(readings, true_numbers(truth)), match_boxes(detections, truth)


def report(numbers: NumberResults | None, matches: Matches | None) -> str:
    """Format the figures of the numbers, the boxes, or both, in several lines.

    Example:
        >>> print(report(*score(detections, truth, ReaderConfig())))  # doctest: +SKIP
        number accuracy 0.892 (214 of 240 photos; 95 % interval 0.846-0.929, bootstrap over photos)
          by length: 1 digit 0.912 (31 of 34), 2 digits 0.917 (122 of 133), 3 digits 0.836 (61 of 73)
          edit distance 0.121 (0.079-0.167) per image | answer -1 on 0.004 (0.000-0.013) of the images
          digits per image: wrong 0.067 (0.038-0.100), inserted (phantom) 0.029 (0.008-0.054), deleted (missing) …
          expected calibration error (ECE) 0.041 (0.031-0.083)
          coverage at 95 % accuracy: 0.821 (0.654-0.950), at 99 %: 0.533 (0.242-0.704)
        AP 0.693 (0.672-0.713) | AP50 0.982 (0.970-0.991) | AP75 0.861 (0.831-0.887)
          COCO, mean over the digits; in brackets 95 % intervals, bootstrap over photos, 1000 resamples
          by digit: 0 0.702  1 0.611  2 0.711  3 0.690  4 0.702  5 0.722  6 0.713  7 0.664  8 0.700  9 0.712
    """
    return '\n'.join((_number_lines(numbers) if numbers else []) + (_box_lines(matches) if matches else []))


def _number_lines(numbers: NumberResults) -> list[str]:
    figures = numbers.estimates()
    value, low, high = figures['accuracy']
    by_length = ((length, numbers.right[numbers.lengths == length]) for length in np.unique(numbers.lengths).tolist())
    lengths = (f'{n} digit{"" if n == 1 else "s"} {own.mean():.3f} ({own.sum()} of {len(own)})' for n, own in by_length)
    return [
        f'number accuracy {value:.3f} ({numbers.right.sum()} of {len(numbers.right)} photos; '
        f'95 % interval {low:.3f}-{high:.3f}, bootstrap over photos)',
        f'  by length: {", ".join(lengths)}',
        f'  edit distance {figures["edit_distance"]} per image | answer -1 on {figures["empty"]} of the images',
        f'  digits per image: wrong {figures["wrong_digits"]}, inserted (phantom) {figures["phantom_digits"]}, '
        f'deleted (missing) {figures["missing_digits"]}',
        f'  expected calibration error (ECE) {figures["ece"]}',
        f'  coverage at 95 % accuracy: {figures["coverage_95"]}, at 99 %: {figures["coverage_99"]}',
    ]


def _box_lines(matches: Matches) -> list[str]:
    figures = matches.estimates()
    digits = (f'{name[3:]} {figure.value:.3f}' for name, figure in figures.items() if name.startswith('AP_'))
    return [
        ' | '.join(f'{name} {figures[name]}' for name in ('AP', 'AP50', 'AP75')),
        '  COCO, mean over the digits; in brackets 95 % intervals, bootstrap over photos, '
        f'{affordable_resamples(matches.boxes)} resamples',
        f'  by digit: {"  ".join(digits)}',
    ]
