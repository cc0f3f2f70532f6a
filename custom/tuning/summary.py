"""Settings of a tuned reader and their figures as text."""

from typing import Any

from ..evaluation.number_accuracy import INTERVALS
from ..reading.settings import DEFAULTS, ReaderSettings
from ..utils.estimates import Estimate, share

CHOSEN = ('score_thr', 'fallback_thrs', 'iou_thr', 'max_gap', 'size_ratio', 'layout', 'max_digits')


def describe(reader: ReaderSettings) -> str:
    """Format the settings and figures of a reader from `custom.tuning.reader.tune_reader`, in several lines."""
    tuned_on, iou_thr = reader.tuned_on, reader.boxes.iou_thr
    photos = tuned_on['photos']
    before, chosen = (tuned_on[f'number_accuracy_{name}'] for name in ('default', 'chosen_here'))
    validated = tuned_on['cross_validated']
    figures = {name: Estimate(validated[name], *ends) for name, ends in validated['intervals'].items()}
    boxes = f'class-agnostic NMS at IoU {iou_thr:g}' if iou_thr < 1 else 'all, duplicates included'
    return '\n'.join(
        [
            'reading: ' + ', '.join(_setting(name, reader) for name in CHOSEN),
            f'boxes in pred.json: {boxes}; '
            f'AP {tuned_on["AP_default"]:.3f} before, {tuned_on["AP_chosen_here"]:.3f} after',
            f'number accuracy on {photos} photos of {tuned_on["source"]}:',
            f'  {share(round(before * photos), photos)} with the default settings',
            f'  {share(round(chosen * photos), photos)} with the chosen settings, on the same photos: optimistic',
            f'  {figures["accuracy"]} cross-validated, {validated["folds"]} folds: the estimate for new photos',
            'confidence, cross-validated:',
            f'  expected calibration error (ECE) {figures["ece"]}',
            f'  coverage at 95 % accuracy: {figures["coverage_95"]}',
            f'  coverage at 99 % accuracy: {figures["coverage_99"]}',
            '  mean confidence -> accuracy, by confidence:',
            *(
                f'    {low:.1f}-{high:.1f}: {confidence:.3f} -> {share(round(accuracy * own), own)}, photos: {own}'
                for low, high, own, confidence, accuracy in validated['reliability']
            ),
            f'in brackets: 95 % intervals: {INTERVALS}',
        ]
    )


def _setting(name: str, reader: ReaderSettings) -> str:
    value, default = _text(getattr(reader.number, name)), _text(getattr(DEFAULTS, name))
    return f'{name} {value}' + (f' (default {default})' if value != default else '')


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        value = '/'.join(map(str, value)) or None
    return 'none' if value is None else str(value)
