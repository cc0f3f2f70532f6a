"""What was measured, as a table for people and as JSON for programs."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from custom.benchmark_outcome import GFLOP, Comparison, Outcome, Spread

Facts = dict[str, float | str]


def machine_lines(facts: Facts) -> str:
    """The facts of the machine, a line each."""
    return '\n'.join(f'{name}: {value}' for name, value in facts.items())


def table(comparison: Comparison) -> str:
    """What was measured in one task, and how."""
    outcomes, unit = comparison.outcomes, comparison.unit
    rounds = len(next(iter(outcomes.values())).seconds)
    counted = f'{rounds} rounds' if rounds > 1 else '1 round'
    extra = [name for name in _names(outcomes) if name != GFLOP]
    gpu = any(outcome.peak_gpu_mb is not None for outcome in outcomes.values())
    head = ['', f'{unit}/s', 'seconds a round', 'peak MB', *['GPU MB'] * gpu]
    head += ['GFLOP/s'] * any(GFLOP in outcome.facts for outcome in outcomes.values()) + extra
    rows = [head]
    for name, outcome in outcomes.items():
        row = [name, _spread(outcome.rates), _spread(outcome.seconds), f'{outcome.peak_mb:.0f}']
        row += [_shown(outcome.peak_gpu_mb)] * gpu
        row += [_shown(achieved(outcome))] * ('GFLOP/s' in head)
        values: dict[str, Any] = {**outcome.facts, **outcome.figures}
        rows.append(row + [_shown(values.get(key)) for key in extra])
    lines = [
        f'{comparison.task}: {unit}/s, median (min-max) of {counted}, taken in turns after one to warm up',
        *aligned(rows),
        *(f'{" / ".join(pair)}: {_spread(ratios)} times as fast, by pairs' for pair, ratios in _ratios(comparison)),
        *(f'{name}: {outcome.what}' for name, outcome in outcomes.items()),
        *(f'DISAGREES: {line}' for line in comparison.disagreements),
    ]
    return '\n'.join(lines)


def achieved(outcome: Outcome) -> float | None:
    """GFLOP/s at the median rate, where it is known what one unit takes."""
    return Spread.of(outcome.rates).median * float(outcome.facts[GFLOP]) if GFLOP in outcome.facts else None


def as_json(machine: Facts, settings: Facts, comparisons: Iterable[Comparison]) -> str:
    """Everything that was measured, round by round."""
    tasks = {
        comparison.task: {
            'unit': comparison.unit,
            'contestants': {
                name: {
                    **outcome._asdict(),
                    'units_per_s': {**Spread.of(outcome.rates)._asdict(), 'rounds': outcome.rates},
                    'gflop_per_s': achieved(outcome),
                }
                for name, outcome in comparison.outcomes.items()
            },
            'ratios': [
                {'ours': ours, 'rival': rival, **Spread.of(values)._asdict(), 'rounds': values}
                for (ours, rival), values in _ratios(comparison)
            ],
            'disagreements': comparison.disagreements,
        }
        for comparison in comparisons
    }
    return json.dumps({'machine': machine, 'settings': settings, 'tasks': tasks}, indent=1) + '\n'


def _ratios(comparison: Comparison) -> Iterable[tuple[tuple[str, str], list[float]]]:
    return comparison.ratios().items()


def _names(outcomes: dict[str, Outcome]) -> list[str]:
    """The facts and figures of all contestants, each once."""
    facts = [name for outcome in outcomes.values() for name in outcome.facts]
    return list(dict.fromkeys(facts + [name for outcome in outcomes.values() for name in outcome.figures]))


def _spread(values: Sequence[float]) -> str:
    return '{} ({}-{})'.format(*map(_shown, Spread.of(values)))


def _shown(value: float | str | None) -> str:
    if value is None:
        return '-'
    return value if isinstance(value, str) else f'{value:.0f}' if abs(value) >= 100 else f'{value:.3g}'


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines; the first column to the left, the others to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [
        '  '.join([row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))])
        for row in rows
    ]
