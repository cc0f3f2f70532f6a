"""Comparison of this project with baselines: one run, rounds in turns A B A B …, a process for each candidate."""

import dataclasses
import importlib
import json
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from types import ModuleType
from typing import Any, NamedTuple

from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.messages import duration, say
from .candidate import GFLOP, Settings, Worker, is_ours
from .readers import busy_processes

Facts = dict[str, float | str]


class Outcome(NamedTuple):
    """Measurements of one candidate."""

    what: str  # description in words
    facts: Facts  # see `Prepared`
    units: list[int]  # of each round
    seconds: list[float]  # of each round
    peak_mb: float  # peak memory of its process, or of the largest one of its children, in 1e6 bytes
    peak_gpu_mb: float | None  # peak memory of torch on the GPU, in 1e6 bytes; None without a GPU
    figures: dict[str, float]  # see `Prepared`

    @property
    def rates(self) -> list[float]:
        """Units per second of each round."""
        return [units / seconds for units, seconds in zip(self.units, self.seconds, strict=True)]

    @property
    def gflop_per_s(self) -> float | None:
        """GFLOP/s at the median rate; None where the arithmetic of a unit is unknown."""
        return statistics.median(self.rates) * float(self.facts[GFLOP]) if GFLOP in self.facts else None


class Comparison(NamedTuple):
    """Measurements of one task."""

    task: str
    unit: str
    outcomes: dict[str, Outcome]  # of each candidate, this project's first
    disagreements: list[str]  # figures that differ more than allowed, or that are worse: a line each

    def ratios(self) -> dict[tuple[str, str], list[float]]:
        """Return, for each pair of ours and a baseline, the ratio of their rates in each round."""
        return {
            (ours, baseline): [a / b for a, b in zip(mine.rates, other.rates, strict=True)]
            for (ours, mine), (baseline, other) in _pairs(self.outcomes)
        }


def _pairs(outcomes: dict[str, Outcome]) -> Iterator[tuple[tuple[str, Outcome], tuple[str, Outcome]]]:
    """Yield each of this project's candidates with each baseline."""
    for one in outcomes.items():
        for other in outcomes.items():
            if is_ours(one[0]) and not is_ours(other[0]):
                yield one, other


def disagreements(outcomes: dict[str, Outcome], allowed: dict[str, float]) -> Iterator[str]:
    """Yield a line for each figure of ours and of a baseline with more than the allowed difference.

    `allowed` maps the name of a figure to the largest difference. A figure that either of the two lacks is skipped.
    """
    for (ours, mine), (baseline, other) in _pairs(outcomes):
        for name, most in allowed.items():
            a, b = mine.figures.get(name), other.figures.get(name)
            if a is not None and b is not None and not abs(a - b) <= most:
                yield f'{name} of {ours}, {a:.6g}, differs from that of {baseline}, {b:.6g}, by more than {most:g}'


def choose(tasks: Sequence[ModuleType], against: Sequence[str]) -> dict[str, list[str]]:
    """Map the name of each task to its candidates.

    `against` holds the names of baselines, or the parts of their names before a '-'. A task that has none of them gets
    all of its baselines but those of its `OPTIONAL`.

    Raises:
        UserError: none of the tasks has a baseline of such a name.
    """
    known = {name for task in tasks for name in task.CANDIDATES if not is_ours(name)}
    for part in against:
        if not any(f'{name}-'.startswith(f'{part}-') for name in known):
            raise UserError(f'--against {part}: no such baseline here; there are {", ".join(sorted(known))}')
    chosen = {}
    for task in tasks:
        baselines = [name for name in task.CANDIDATES if not is_ours(name)]
        named = [name for name in baselines if any(f'{name}-'.startswith(f'{part}-') for part in against)]
        usual = [name for name in baselines if name not in getattr(task, 'OPTIONAL', ())]
        chosen[task.__name__] = [*filter(is_ours, task.CANDIDATES), *(named or usual)]
    return chosen


def task_modules(names: Iterable[str]) -> list[ModuleType]:
    """Import the modules of tasks by name."""
    return [importlib.import_module(f'custom.benchmark.task_{name}') for name in names]


def compare(module: str, candidates: Sequence[str], settings: Settings, rounds: int) -> Comparison:
    """Measure `rounds` rounds of some candidates of the task `module` in turns, after one warm-up round each.

    Raises:
        UserError: a candidate failed.
    """
    task, name = importlib.import_module(module), module.rpartition('_')[2]
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix='benchmark_', ignore_cleanup_errors=True))
        settings = dataclasses.replace(settings, scratch=scratch)
        if files := getattr(task, 'FILES', None):
            say(f'{name}: making files')
            Worker(module, files, settings).close()
        workers = {}
        for candidate in candidates:
            say(f'{name}: preparing {candidate}')
            workers[candidate] = stack.enter_context(closing(Worker(module, candidate, settings)))
        what = {candidate: task.CANDIDATES[candidate] for candidate in candidates}
        outcomes = take_turns(name, workers, what, rounds, settings)
    return Comparison(name, task.UNIT, outcomes, list(disagreements(outcomes, getattr(task, 'AGREE', {}))))


def take_turns(
    name: str, workers: Mapping[str, Worker], what: Mapping[str, str], rounds: int, settings: Settings
) -> dict[str, Outcome]:
    """Measure `rounds` rounds of each process in turns, after one warm-up round each; `what` has their descriptions."""
    measured: list[dict[str, dict]] = []
    with busy_processes(usable_cores() if settings.busy else 0):
        for i in range(rounds + 1):
            left = duration(sum(one['seconds'] for one in measured[-1].values()) * (rounds + 1 - i)) if i else ''
            say(f'{name}: round {i} of {rounds}, about {left} left' if i else f'{name}: warm-up')
            measured.append({candidate: worker.ask('round') for candidate, worker in workers.items()})
        return {
            candidate: Outcome(
                what=what[candidate],
                facts=worker.facts,
                units=[one[candidate]['units'] for one in measured[1:]],
                seconds=[one[candidate]['seconds'] for one in measured[1:]],
                peak_mb=measured[-1][candidate]['peak_mb'],
                peak_gpu_mb=measured[-1][candidate]['peak_gpu_mb'],
                figures=worker.ask('figures'),
            )
            for candidate, worker in workers.items()
        }


def machine() -> Facts:
    """Return facts of the machine; they come from a process of its own, so that this one stays small."""
    with closing(Worker('custom.benchmark.machine', 'ours', Settings())) as worker:
        return worker.facts


def summarize(values: Sequence[float]) -> dict[str, float]:
    """Return median, minimum and maximum."""
    return {'median': statistics.median(values), 'least': min(values), 'greatest': max(values)}


def table(comparison: Comparison) -> str:
    """Format the measurements of one task as a table with its explanation."""
    outcomes, unit = comparison.outcomes, comparison.unit
    rounds = len(next(iter(outcomes.values())).seconds)
    counted = f'{rounds} rounds' if rounds > 1 else '1 round'
    columns: dict[str, list[str]] = {
        '': list(outcomes),
        f'{unit}/s': [_median_and_range(one.rates) for one in outcomes.values()],
        'seconds a round': [_median_and_range(one.seconds) for one in outcomes.values()],
        'peak MB': [f'{one.peak_mb:.0f}' for one in outcomes.values()],
    }
    more: dict[str, list[Any]] = {
        'GPU MB': [one.peak_gpu_mb for one in outcomes.values()],
        'GFLOP/s': [one.gflop_per_s for one in outcomes.values()],
    }
    facts, figures = ([getattr(one, kind) for one in outcomes.values()] for kind in ('facts', 'figures'))
    for name in dict.fromkeys(key for values in facts + figures for key in values if key != GFLOP):
        more[name] = [{**one.facts, **one.figures}.get(name) for one in outcomes.values()]
    columns |= {name: [*map(_shown, values)] for name, values in more.items() if any(v is not None for v in values)}
    lines = [
        f'{comparison.task}: {unit}/s, median (min-max) of {counted}, taken in turns after a warm-up',
        *aligned([list(columns), *zip(*columns.values(), strict=True)]),
        *(
            f'{ours} / {baseline}: {_median_and_range(ratios)} times as fast, by neighbouring rounds'
            for (ours, baseline), ratios in comparison.ratios().items()
        ),
        *(f'{name}: {outcome.what}' for name, outcome in outcomes.items()),
        *(f'DISAGREES: {line}' for line in comparison.disagreements),
    ]
    return '\n'.join(lines)


def as_json(machine: Facts, settings: Facts, comparisons: Iterable[Comparison]) -> str:
    """Format all measurements, round by round."""
    tasks = {
        comparison.task: {
            'unit': comparison.unit,
            'contestants': {
                name: {
                    **outcome._asdict(),
                    'units_per_s': {**summarize(outcome.rates), 'rounds': outcome.rates},
                    'gflop_per_s': outcome.gflop_per_s,
                }
                for name, outcome in comparison.outcomes.items()
            },
            'ratios': [
                {'ours': ours, 'rival': baseline, **summarize(values), 'rounds': values}
                for (ours, baseline), values in comparison.ratios().items()
            ],
            'disagreements': comparison.disagreements,
        }
        for comparison in comparisons
    }
    return json.dumps({'machine': machine, 'settings': settings, 'tasks': tasks}, indent=1) + '\n'


def _median_and_range(values: Sequence[float]) -> str:
    return '{} ({}-{})'.format(*map(_shown, summarize(values).values()))


def _shown(value: float | str | None) -> str:
    if value is None:
        return '-'
    return value if isinstance(value, str) else f'{value:.0f}' if abs(value) >= 100 else f'{value:.3g}'


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Format rows of cells as lines; align the first column left and the others right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return [
        '  '.join([row[0].ljust(first), *(cell.rjust(width) for cell, width in zip(row[1:], others, strict=True))])
        for row in rows
    ]
