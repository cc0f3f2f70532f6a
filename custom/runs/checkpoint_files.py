"""Checkpoint files of a work dir."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..utils.errors import UserError

if TYPE_CHECKING:
    pass


def last_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """The checkpoint to resume from; found by its name, so that a work dir may be moved."""
    pointer = Path(work_dir, 'last_checkpoint')
    if not pointer.is_file():
        return None
    checkpoint = pointer.parent / Path(pointer.read_text().strip()).name
    return checkpoint if checkpoint.is_file() else None


def best_checkpoint(work_dir: str | os.PathLike) -> Path:
    """The best checkpoint of a run, or its last one where no validation chose any.

    Raises:
        UserError: the work dir holds none.
    """
    best = sorted(Path(work_dir).glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    found = best[-1] if best else last_checkpoint(work_dir)
    if found is None:
        raise UserError(f'{work_dir}: holds no checkpoint; train first, or name one on the command line')
    return found
