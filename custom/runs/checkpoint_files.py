"""Checkpoint files of a work dir."""

import os
from pathlib import Path

from ..utils.errors import UserError


def last_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """Return the checkpoint that the file `last_checkpoint` of a work dir names, None if either file is missing.

    Only the checkpoint's file name counts: the work dir may have been moved.

    Raises:
        UserError: `last_checkpoint` cannot be read or holds no path.
    """
    pointer = Path(work_dir, 'last_checkpoint')
    try:
        if not pointer.is_file():
            return None
        checkpoint = pointer.parent / Path(pointer.read_text(encoding='utf-8').strip()).name
        return checkpoint if checkpoint.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'not UTF-8'
        way_out = 'write the name of a checkpoint of this folder into it, or name the checkpoint on the command line'
        raise UserError(f'{pointer}: does not name a checkpoint ({reason}); {way_out}') from None


def best_checkpoint(work_dir: str | os.PathLike) -> Path:
    """Return the newest best checkpoint of a run, or the last checkpoint if no validation chose a best one.

    Raises:
        UserError: the work dir holds no checkpoint, or `last_checkpoint` cannot be read.
    """
    best = max(Path(work_dir).glob('best_*.pth'), key=lambda path: path.stat().st_mtime, default=None)
    checkpoint = best or last_checkpoint(work_dir)
    if checkpoint is None:
        raise UserError(f'{work_dir}: holds no checkpoint; train first, or name one on the command line')
    return checkpoint
