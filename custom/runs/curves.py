"""What a training run has logged: the scalars that mmengine keeps in WORK_DIR/<start>/vis_data."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from ..utils.files import parse_json


class Scalars(NamedTuple):
    """The rows logged, in order.

    Attributes:
        training: one row every few steps: `step`, `loss`, its parts, `lr` and more.
        validation: one row a validation: its figures by name, and in `step` the epoch (or the step, without epochs).
    """

    training: list[dict[str, Any]]
    validation: list[dict[str, Any]]

    @property
    def by_epoch(self) -> bool:
        """Whether validations are counted in epochs."""
        return any('epoch' in row for row in self.training)


def scalar_files(work_dir: Path) -> list[Path]:
    """A file for each time that training was started or resumed, the first one first."""
    folders = sorted(path for path in work_dir.glob('*/vis_data') if path.is_dir())
    found = [sorted(folder.glob('*.json'), key=lambda path: path.name != 'scalars.json')[:1] for folder in folders]
    return [path for paths in found for path in paths]


def read_scalars(work_dir: Path) -> Scalars:
    """All that was logged; where a resumed run went over steps again, what it logged of them counts.

    A line that is no JSON object is left out: the last one of a run that was stopped while it wrote.
    """
    rows = Scalars([], [])
    for path in scalar_files(work_dir):
        own = Scalars([], [])
        for line in path.read_text(encoding='utf-8', errors='replace').splitlines():
            try:
                row = parse_json(line)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get('step'), int):
                (own.training if 'loss' in row else own.validation).append(row)
        for kept, new in zip(rows, own, strict=True):
            first = min((row['step'] for row in new), default=math.inf)
            kept[:] = [row for row in kept if row['step'] < first] + new
    return rows


def series(rows: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """The steps and values of one scalar, where it was logged as a finite number.

    Example:
        >>> series([{'step': 1, 'loss': 2.5}, {'step': 2, 'loss': float('nan')}], 'loss')
        ([1], [2.5])
    """
    points = [
        (row['step'], float(row[name]))
        for row in rows
        if isinstance(row.get(name), (int, float)) and math.isfinite(row[name])
    ]
    return [step for step, _ in points], [value for _, value in points]
