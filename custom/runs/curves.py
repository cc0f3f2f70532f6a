"""Scalars of a training run, as mmengine logs them to WORK_DIR/<start>/vis_data."""

import math
from pathlib import Path
from typing import Any, NamedTuple

from ..utils.errors import UserError
from ..utils.files import parse_json, read_file


class Scalars(NamedTuple):
    """Logged rows, in order.

    Attributes:
        training: one row every few steps, with `step`, `loss`, its parts and `lr`.
        validation: one row per validation; `step` is the epoch, or the step in training by iterations.
    """

    training: list[dict[str, Any]]
    validation: list[dict[str, Any]]

    @property
    def by_epoch(self) -> bool:
        """Whether `step` of a validation is an epoch."""
        return any('epoch' in row for row in self.training)


def scalar_files(work_dir: Path) -> list[Path]:
    """Return one file for each start or resumption of the training, the first start first."""
    folders = sorted(path for path in work_dir.glob('*/vis_data') if path.is_dir())
    files = [sorted(folder.glob('*.json'), key=lambda path: path.name != 'scalars.json')[:1] for folder in folders]
    return [path for paths in files for path in paths]


def read_scalars(work_dir: Path) -> Scalars:
    """Read all logged rows; the rows of a resumed run replace earlier rows of the same and later steps.

    Lines that are no JSON objects are skipped, such as the incomplete last line of a stopped run.

    Raises:
        UserError: a file cannot be read.
    """
    rows = Scalars([], [])
    for path in scalar_files(work_dir):
        new_rows = Scalars([], [])
        try:
            lines = read_file(path).decode(errors='replace').splitlines()
        except OSError as error:
            raise UserError(f'{path}: cannot be read ({error.strerror}); remove it') from None
        for line in lines:
            try:
                row = parse_json(line)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get('step'), int):
                (new_rows.training if 'loss' in row else new_rows.validation).append(row)
        for kept, new in zip(rows, new_rows, strict=True):
            first = min((row['step'] for row in new), default=math.inf)
            kept[:] = [row for row in kept if row['step'] < first] + new
    return rows


def series(rows: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Return the steps and the values of one scalar, rows without a finite number left out.

    Example:
        >>> series([{'step': 1, 'loss': 2.5}, {'step': 2, 'loss': float('nan')}], 'loss')
        ([1], [2.5])
    """
    finite = [row for row in rows if isinstance(row.get(name), (int, float)) and math.isfinite(row[name])]
    return [row['step'] for row in finite], [float(row[name]) for row in finite]
