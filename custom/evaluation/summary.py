"""Figures with 95 % intervals as text."""

from collections import Counter

from ..reading.numbers import read_numbers
from ..reading.settings import ReaderConfig
from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.detections import Detections
from ..utils.estimates import share
from .average_precision import Matches, match_boxes
from .bootstrap import affordable_resamples
from .number_accuracy import INTERVALS, NumberResults


def score(detections: Detections, truth: DigitAnnotations, config: ReaderConfig) -> tuple[NumberResults, Matches]:
    """Compute the arguments of `report`; errors as in `match_boxes`."""
    readings = read_numbers(detections, truth.image_ids, config)
    return NumberResults.of(readings, true_numbers(truth)), match_boxes(detections, truth)


def report(numbers: NumberResults | None, matches: Matches | None) -> str:
    """Format the figures of the numbers, the boxes, or both, in several lines.

    Example:
        >>> print(report(*score(detections, truth, ReaderConfig())))  # doctest: +SKIP
        number accuracy 0.892 (214 of 240 photos; 95 % interval 0.846-0.925, Wilson)
          by length: 1 digit 0.912 (0.770-0.970) of 34, 2 digits 0.917 (0.858-0.953) of 133, …
          edit distance 0.121 (0.084-0.174) per image | answer -1 on 0.004 (0.001-0.023) of the images
          digits per image: wrong 0.067 (0.041-0.108), inserted (phantom) 0.029 (0.014-0.060), deleted (missing) …
          expected calibration error (ECE) 0.041 (0.000-0.079)
          coverage at 95 % accuracy: 0.821 (0.533-0.975), at 99 %: 0.533 (0.000-0.821)
          in brackets 95 % intervals: Wilson (shares), Poisson score (per image), …
        AP 0.693 (0.672-0.713) | AP50 0.982 (0.970-0.991) | AP75 0.861 (0.831-0.887)
          COCO, mean over the digits; in brackets 95 % intervals, bootstrap over photos, 1000 resamples
          by digit: 0 0.702  1 0.611  2 0.711  3 0.690  4 0.702  5 0.722  6 0.713  7 0.664  8 0.700  9 0.712
    """
    return '\n'.join((_number_lines(numbers) if numbers else []) + (_box_lines(matches) if matches else []))


def describe_accuracy(right: int, photos: int) -> str:
    """Format the share of the photos whose number is right, from 1 photo on.

    Example:
        >>> describe_accuracy(11, 11)
        'number accuracy 1.000 (11 of 11 photos; 95 % interval 0.741-1.000, Wilson)'
    """
    value, low, high = share(right, photos)
    return f'number accuracy {value:.3f} ({right} of {photos} photos; 95 % interval {low:.3f}-{high:.3f}, Wilson)'


def _number_lines(numbers: NumberResults) -> list[str]:
    figures = numbers.estimates()
    counts = Counter(numbers.lengths.tolist())
    lengths = (
        f'{n} digit{"" if n == 1 else "s"} {figures[f"accuracy_{n}_digits"]} of {counts[n]}' for n in sorted(counts)
    )
    return [
        describe_accuracy(int(numbers.right.sum()), len(numbers.right)),
        f'  by length: {", ".join(lengths)}',
        f'  edit distance {figures["edit_distance"]} per image | answer -1 on {figures["empty"]} of the images',
        f'  digits per image: wrong {figures["wrong_digits"]}, inserted (phantom) {figures["phantom_digits"]}, '
        f'deleted (missing) {figures["missing_digits"]}',
        f'  expected calibration error (ECE) {figures["ece"]}',
        f'  coverage at 95 % accuracy: {figures["coverage_95"]}, at 99 %: {figures["coverage_99"]}',
        f'  in brackets 95 % intervals: {INTERVALS}',
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
