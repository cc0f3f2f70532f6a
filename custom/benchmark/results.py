"""What was measured, as a table for people and as JSON for programs."""

import json
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

GFLOP = 'GFLOP'  # the fact from which GFLOP/s are computed: multiplications and additions of one unit, in 1e9


class Spread(NamedTuple):
    """Median, least and greatest of some values."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> 'Spread':
        return cls(statistics.median(values), min(values), max(values))


class Outcome(NamedTuple):
    """What was measured of one contestant.

    Attributes:
        what: it is, in words.
        facts: it told.
        units: done in each round.
        seconds: of each round.
        peak_mb: the most memory that its process, or the largest one of its children, held; in 1e6 bytes.
        peak_gpu_mb: the most memory that torch held on the GPU; None without one.
        figures: how good its results are.
    """

    what: str
    facts: dict[str, float | str]
    units: list[int]
    seconds: list[float]
    peak_mb: float
    peak_gpu_mb: float | None
    figures: dict[str, float]

    @property
    def rates(self) -> list[float]:
        """Units a second, of each round."""
        return [units / seconds for units, seconds in zip(self.units, self.seconds, strict=True)]


class Comparison(NamedTuple):
    """What was measured in one task.

    Attributes:
        task: its name.
        unit: what was counted.
        outcomes: of each contestant, ours first.
        disagreements: figures that differ more than they may, a line each.
    """

    task: str
    unit: str
    outcomes: dict[str, Outcome]
    disagreements: list[str]

    def ratios(self) -> dict[tuple[str, str], list[float]]:
        """(ours, rival) to how many times as fast ours was in each round, beside the rival's round next to it."""
        return {
            (ours, rival): [a / b for a, b in zip(self.outcomes[ours].rates, self.outcomes[rival].rates, strict=True)]
            for ours, rival in pairs_of(self.outcomes)
        }


def pairs_of(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each of ours with each rival."""
    names = list(names)
    rivals = [name for name in names if not is_ours(name)]
    yield from ((ours, rival) for ours in filter(is_ours, names) for rival in rivals)


def is_ours(name: str) -> bool:
    """Whether a contestant is ours."""
    return name.startswith('ours')


def disagreements(outcomes: dict[str, Outcome], allowed: dict[str, float]) -> Iterator[str]:
    """Figures of ours and of a rival that differ by more than is allowed, a line each.

    Args:
        outcomes: of each contestant.
        allowed: name of a figure to the largest difference; one that either side lacks is passed over.
    """
    for ours, rival in pairs_of(outcomes):
        for name, most in allowed.items():
            a, b = outcomes[ours].figures.get(name), outcomes[rival].figures.get(name)
            if a is not None and b is not None and not abs(a - b) <= most:
                yield f'{name} of {ours}, {a:.6g}, differs from that of {rival}, {b:.6g}, by more than {most:g}'


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
