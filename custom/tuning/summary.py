"""Settings of a tuned reader and their figures as text."""

from typing import Any

from ..evaluation.number_accuracy import INTERVALS
from ..reading.settings import DEFAULTS, ReaderSettings
from ..utils.estimates import Estimate, share

CHOSEN = ('score_thr', 'fallback_thrs', 'weak_thr', 'iou_thr', 'max_gap', 'size_ratio')


def describe(reader: ReaderSettings) -> str:
    """Format the settings and figures of a reader from `custom.tuning.reader.tune_reader`, in several lines."""
    tuned_on, iou_thr = reader.tuned_on, reader.boxes.iou_thr
    photos = tuned_on['photos']
    before, chosen = (tuned_on[f'number_accuracy_{name}'] for name in ('default', 'chosen_here'))
    validated = tuned_on['cross_validated']
    figures = {name: Estimate(validated[name], *ends) for name, ends in validated['intervals'].items()}
    sets = tuned_on['sets']
    boxes = f'class-agnostic NMS at IoU {iou_thr:g}' if iou_thr < 1 else 'all, duplicates included'
    boxed = 'AP_default' in tuned_on
    ap = f'; AP {tuned_on["AP_default"]:.3f} before, {tuned_on["AP_chosen_here"]:.3f} after' if boxed else ''
    mean = f', mean over {len(sets)} sets' if len(sets) > 1 else ''
    return '\n'.join(
        [
            'reading: ' + ', '.join(_setting(name, reader) for name in CHOSEN),
            f'boxes in pred.json: {boxes}{ap}',
            f'number accuracy on {photos} photos of {tuned_on["source"]}{mean}:',
            f'  {_accuracy(before, photos, sets)} with the default settings',
            f'  {_accuracy(chosen, photos, sets)} with the chosen settings, on the same photos: optimistic',
            f'  {figures["accuracy"]} cross-validated, {validated["folds"]} folds: the estimate for new photos'
            + ', all together' * (len(sets) > 1),
            *_set_lines(sets),
            *([f'the confidence is lowered for {tuned_on["calibrated_for"]}'] if 'calibrated_for' in tuned_on else []),
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


def _accuracy(value: float, photos: int, sets: dict[str, Any]) -> str:
    return str(share(round(value * photos), photos)) if len(sets) == 1 else f'{value:.3f}'


def _set_lines(sets: dict[str, Any]) -> list[str]:
    """Format a table of the sets."""
    width = max(len('set'), *map(len, sets))
    lines = [f'  {"set":{width}}  photos  cross-validated  right of those at 0.9  answers at 0.5 without a number']
    for name, own in sets.items():
        sure = f'{own["confident_right"]} of {own["confident"]}'
        alarms = f'{own["answered"]} of {own["empty"]}' if own['empty'] else '-'
        lines.append(f'  {name:{width}}  {own["photos"]:6}  {own["accuracy"]:15.3f}  {sure:>21}  {alarms:>31}')
    return lines


def _setting(name: str, reader: ReaderSettings) -> str:
    value, default = _text(getattr(reader.number, name)), _text(getattr(DEFAULTS, name))
    return f'{name} {value}' + (f' (default {default})' if value != default else '')


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        value = '/'.join(map(str, value)) or None
    return 'none' if value is None else str(value)
