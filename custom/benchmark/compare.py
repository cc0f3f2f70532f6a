"""Ours against rivals, in one run and in turn: A B A B …, each in a process of its own that stays alive.

A task is a module (`custom.benchmark.task_infer`, say) that is light to import and has

- `UNIT`: what is counted, in the plural: 'photos';
- `RIVALS`: name to one line that says what it is. Names that begin with 'ours' are ours, all others are rivals;
- `prepare(rival, settings)`: gets one of them ready and gives a `Prepared`; called in the process of that contestant;
- `AGREE`, where figures of ours and of a rival must agree: name of the figure to the largest difference allowed.
"""

import dataclasses
import importlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import ModuleType

from ..utils.errors import UserError
from ..utils.messages import duration, say
from .process import Worker
from .results import GFLOP, Comparison, Outcome, disagreements, is_ours

__all__ = ['GFLOP', 'Prepared', 'Settings', 'choose', 'compare', 'machine']


@dataclasses.dataclass(frozen=True)
class Settings:
    """What all contestants of a task are told.

    Args:
        images: a folder of photos to measure on. Defaults to None, photos of the task's own making.
        weights: a checkpoint of digits_frcnn with stock's anchors, for all who can share it. Defaults to None, random
            ones.
        batch: photos at a time, for all contestants. Defaults to None, as each is used.
        short: rounds of a few seconds instead of long ones. Defaults to False.
        scratch: a folder of this task's, removed when it is done. Contestants are prepared one after another, ours
            first: the first may leave what the others shall work on, too (weights, say). Defaults to ''.
    """

    images: str | None = None
    weights: str | None = None
    batch: int | None = None
    short: bool = False
    scratch: str = ''


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A contestant that is ready to start.

    Args:
        run: does one round, and returns how many units it did. It must be done with all it began when it returns: a
            loader that goes on reading would slow down the others.
        facts: to be told beside; `GFLOP` is what one unit takes. Defaults to none.
        figures: called once after the last round and not timed: how good the results are, AP say. Defaults to none.
    """

    run: Callable[[], int]
    facts: dict[str, float | str] = dataclasses.field(default_factory=dict)
    figures: Callable[[], dict[str, float]] = dict


def choose(tasks: Sequence[ModuleType], against: Sequence[str]) -> dict[str, list[str]]:
    """Name of each task to its contestants.

    Args:
        tasks: the modules.
        against: the rivals to measure, or what their names begin with up to a '-'. Where a task has none of them, or
            none is named, it has all of its own.

    Raises:
        UserError: none of the tasks has a rival of such a name.
    """
    known = {name for task in tasks for name in task.RIVALS if not is_ours(name)}
    for name in against:
        if not any(_named(rival, [name]) for rival in known):
            raise UserError(f'--against {name}: no such rival here; there are {", ".join(sorted(known))}')
    chosen = {}
    for task in tasks:
        ours, rivals = ([name for name in task.RIVALS if is_ours(name) == own] for own in (True, False))
        wanted = [name for name in rivals if _named(name, against)]
        chosen[task.__name__] = ours + (wanted or rivals)
    return chosen


def _named(rival: str, names: Sequence[str]) -> bool:
    return any(rival == name or rival.startswith(f'{name}-') for name in names)


def compare(module: str, contestants: Sequence[str], settings: Settings, rounds: int) -> Comparison:
    """Measure the contestants of a task in turn, after one round each that is not counted.

    Args:
        module: the full name of the task's module.
        contestants: some of its RIVALS.
        settings: what they are told; `scratch` is filled in here.
        rounds: of each.

    Raises:
        UserError: a contestant failed.
    """
    task, name = importlib.import_module(module), module.rpartition('_')[2]
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix='benchmark_', ignore_cleanup_errors=True))
        told = dataclasses.asdict(dataclasses.replace(settings, scratch=scratch))
        workers = {}
        for contestant in contestants:
            say(f'{name}: preparing {contestant}')
            workers[contestant] = stack.enter_context(Worker(module, contestant, told))
        measured: list[dict[str, dict]] = []
        for i in range(rounds + 1):
            spent = sum(one['seconds'] for one in measured[-1].values()) if measured else 0
            left = f', about {duration(spent * (rounds + 1 - i))} left' if measured else ''
            say(f'{name}: round {i} of {rounds}{left}' if i else f'{name}: a round to warm up')
            measured.append({contestant: worker.ask('round') for contestant, worker in workers.items()})
        outcomes = {
            contestant: Outcome(
                what=task.RIVALS[contestant],
                facts=worker.facts,
                units=[one[contestant]['units'] for one in measured[1:]],
                seconds=[one[contestant]['seconds'] for one in measured[1:]],
                peak_mb=measured[-1][contestant]['peak_mb'],
                peak_gpu_mb=measured[-1][contestant]['peak_gpu_mb'],
                figures=worker.ask('figures'),
            )
            for contestant, worker in workers.items()
        }
    return Comparison(name, task.UNIT, outcomes, list(disagreements(outcomes, getattr(task, 'AGREE', {}))))


def machine() -> dict[str, float | str]:
    """Facts of the machine, looked at by a process of its own so that this one stays small."""
    with Worker('custom.benchmark.machine', 'ours', dataclasses.asdict(Settings())) as worker:
        return worker.facts
