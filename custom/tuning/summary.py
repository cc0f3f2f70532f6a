"""What a tuned reader says of itself, as a person reads it."""

from typing import Any

from ..reading.settings import DEFAULTS, ReaderSettings

CHOSEN = ('score_thr', 'fallback_thrs', 'iou_thr', 'max_gap', 'size_ratio', 'layout', 'max_digits')


def describe(reader: ReaderSettings) -> str:
    """The settings chosen, and the figures before and after, several lines.

    Args:
        reader: as `custom.tuning.reader.tune_reader` gives it.

    Example:
        >>> print(describe(tune_reader(detections, truth)))  # doctest: +SKIP
        reading: score_thr 0.32 (default 0.6), fallback_thrs 0.09 (default none), iou_thr 0.3, max_gap 0.6 …
        ...
    """
    said = reader.tuned_on
    honest = said['cross_validated']
    figures = {name: _with_interval(honest, name) for name in honest['intervals']}
    chosen = ', '.join(_setting(name, getattr(reader.number, name), getattr(DEFAULTS, name)) for name in CHOSEN)
    iou_thr = reader.boxes.iou_thr
    boxes = f'of two with an IoU above {iou_thr:g} the better one' if iou_thr < 1 else 'all, doubles too'
    points = (
        f'    {low:.1f}-{high:.1f}: {mean:.3f} -> {right:.3f} (photos: {photos})'
        for low, high, photos, mean, right in honest['reliability']
    )
    return '\n'.join(
        [
            f'reading: {chosen}',
            f'boxes in pred.json: {boxes}; AP {said["AP_default"]:.3f} before, {said["AP_chosen_here"]:.3f} after',
            f'number accuracy on {said["photos"]} photos of {said["source"]}:',
            f'  {said["number_accuracy_default"]:.3f} with the default settings',
            f'  {said["number_accuracy_chosen_here"]:.3f} with these, on the photos they were chosen on: too good',
            f'  {figures["accuracy"]} cross-validated, {honest["folds"]} folds: what to expect of new ones like them',
            'confidence, cross-validated:',
            f'  calibration error (ECE) {figures["ece"]}',
            f'  share of the photos, the surest, of which 95 % are right {figures["coverage_95"]}',
            f'  and of which 99 % are right {figures["coverage_99"]}',
            '  said -> right:',
            *points,
            'in brackets: 95 % intervals, bootstrap over photos',
        ]
    )


def _setting(name: str, value: Any, default: Any) -> str:
    return f'{name} {_said(value)}' + (f' (default {_said(default)})' if value != default else '')


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return '/'.join(map(str, value)) or 'none'
    return 'none' if value is None else str(value)


def _with_interval(figures: dict[str, Any], name: str) -> str:
    low, high = figures['intervals'][name]
    return f'{figures[name]:.3f} ({low:.3f}-{high:.3f})'
