"""Ranges of the settings of a config, checked before a run writes anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..structures.digits import DIGITS

# Names, or whole keys, of settings to their least and greatest values. A name holds wherever the config has it.
_AT_LEAST_1 = (
    'max_epochs max_iters val_interval batch_size accumulative_counts base_batch_size pad_size_divisor epoch_size '
    'prefetch_factor log_processor.window_size'
)
_NO_NEGATIVE = 'lr weight_decay lr_mult decay_mult bias_lr_mult norm_decay_mult eta_min eps cache_mb timeout patience'
_SHARES = 'momentum start_factor end_factor prob pos_fraction score_thr iou_thr iou_threshold pos_iou_thr min_pos_iou'
WHOLE: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(_AT_LEAST_1.split(), (1,)),
    **dict.fromkeys(['num_workers', 'group_size', 'opencv_num_threads'], (0,)),
    'randomness.seed': (0, 2**32 - 1),
}
NUMBERS: dict[str, tuple[float, ...]] = {
    **dict.fromkeys(_NO_NEGATIVE.split(), (0,)),
    **dict.fromkeys(_SHARES.split(), (0, 1)),
}
POSITIVE = {'max_norm', 'clip_value', 'scales', 'strides', 'ratios', 'zoom', 'tta_scales', 'tta_digits'}
COUNTS = {'max_per_img', 'nms_pre', 'num'}  # -1 is all
UNBOUNDED = {'max_norm', 'clip_value', 'norm_type', 'patience', 'stopping_threshold', 'regress_ranges'}
SCALED = {'Resize', 'DigitWarp'}


class RangeFault(NamedTuple):
    """A setting that no run can use."""

    key: str
    value: str  # as Python text
    rule: str  # such as 'must be at least 1'


def range_faults(tree: Mapping[str, Any]) -> Iterator[RangeFault]:
    """Yield every setting of a config that is out of range; settings that this module does not know are not judged.

    NaN is out of range everywhere, and so is infinity where it is not the absence of a bound.
    """
    for name, value in tree.items():
        if name.endswith('_root') and value in ('', None):
            yield RangeFault(name, repr(value), 'must name a folder')
        yield from _faults(name, value)


def _faults(key: str, node: Any) -> Iterator[RangeFault]:
    if rule := _rule(key, node):
        yield RangeFault(key, repr(node), f'must be {rule}')
    elif isinstance(node, (list, tuple)):
        for i, value in enumerate(node):
            yield from _faults(f'{key}.{i}', value)
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield from _faults(f'{key}.{name}', value)
        if node.get('type') in SCALED and 'scale' in node and not _is_scale(node['scale']):
            rule = 'must be two whole numbers of at least 1, (width, height), as in (224, 80)'
            yield RangeFault(f'{key}.scale', repr(node['scale']), rule)
        begin, end = node.get('begin', 0), node.get('end')
        if key.startswith('param_scheduler') and isinstance(begin, int) and isinstance(end, int) and end <= begin:
            yield RangeFault(f'{key}.end', repr(end), f'must be greater than begin={begin}')
        for name, off in (('persistent_workers', False), ('prefetch_factor', None)):
            if key.endswith('_dataloader') and node.get('num_workers', 0) == 0 and node.get(name):
                yield RangeFault(f'{key}.{name}', repr(node[name]), f'must be {off} where num_workers is 0')


def _rule(key: str, value: Any) -> str | None:
    """Return the rule that a value breaks, None if it breaks none."""
    path = [part for part in key.split('.') if not part.isdecimal()]
    name = path[-1]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and not math.isfinite(value) and (math.isnan(value) or name not in UNBOUNDED):
        return 'a finite number'
    if name == 'num_classes' and path[0] == 'model' and not {'rpn_head', 'backbone'} & set(path):
        return None if value == len(DIGITS) else f'{len(DIGITS)}, one for each digit: the background is not counted'
    if (ends := WHOLE.get(key) or WHOLE.get(name)) and not (value is None and name in ('prefetch_factor', 'seed')):
        good = isinstance(value, int) and is_number and _within(value, *ends)
        return None if good else f'a whole number {_text(*ends)}'
    if is_number and name in NUMBERS and not _within(value, *NUMBERS[name]):
        return f'a number {_text(*NUMBERS[name])}'
    if is_number and key.endswith('.indices') and value == 0:
        return 'the number of photos to take, not 0'
    if is_number and name in POSITIVE and value <= 0:
        return 'greater than 0'
    if is_number and name in COUNTS and not (value == -1 or value >= 1):
        return 'at least 1, or -1 for all'
    return None


def _within(value: float, least: float, most: float = math.inf) -> bool:
    return least <= value <= most


def _text(least: float, most: float = math.inf) -> str:
    return f'from {least} to {most}' if most < math.inf else f'of at least {least}'


def _is_scale(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(type(x) is int and x >= 1 for x in value)
