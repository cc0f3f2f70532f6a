"""What a benchmark gives: of each contestant, and of ours beside the rivals."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

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
