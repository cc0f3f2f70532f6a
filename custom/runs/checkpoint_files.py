"""Checkpoint files of a work dir."""

import os
import re
import zipfile
from pathlib import Path

from ..utils.errors import UserError
from ..utils.messages import say


def last_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """Return the checkpoint that the file `last_checkpoint` of a work dir names, else its newest; None without one.

    Only the checkpoint's file name counts: the work dir may have been moved.

    Raises:
        UserError: `last_checkpoint` cannot be read or holds no path.
    """
    return next(iter(checkpoints(work_dir)), None)


def checkpoints(work_dir: str | os.PathLike) -> list[Path]:
    """List the checkpoints of a training: the one that `last_checkpoint` names, then the others from the newest.

    Raises:
        UserError: `last_checkpoint` cannot be read or holds no path.
    """
    numbers = {
        path: re.fullmatch(r'(?:epoch|iter)_(\d{1,18})\.pth', path.name) for path in Path(work_dir).glob('*.pth')
    }
    found = {path: int(number[1]) for path, number in numbers.items() if number and path.is_file()}
    newest = sorted(found, key=lambda path: found[path], reverse=True)
    named = _named(Path(work_dir, 'last_checkpoint'))
    return [*([named] if named else []), *(path for path in newest if path != named)]


def _named(pointer: Path) -> Path | None:
    try:
        if not pointer.is_file():
            return None
        checkpoint = pointer.parent / Path(pointer.read_text(encoding='utf-8').strip()).name
        return checkpoint if checkpoint.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'not UTF-8'
        way_out = 'write the name of a checkpoint of this folder into it, or name the checkpoint on the command line'
        raise UserError(f'{pointer}: does not name a checkpoint ({reason}); {way_out}') from None


def is_whole(checkpoint: Path) -> bool:
    """Return whether a checkpoint file has the end of its archive, which a torn file lacks."""
    return zipfile.is_zipfile(checkpoint)


def best_checkpoint(work_dir: str | os.PathLike) -> Path:
    """Return the newest best checkpoint of a run, or the last checkpoint if no validation chose a best one.

    A torn one is passed over for an older one, with a note.

    Raises:
        UserError: the work dir holds no checkpoint, or `last_checkpoint` cannot be read.
    """
    best = sorted(Path(work_dir).glob('best_*.pth'), key=lambda path: path.stat().st_mtime, reverse=True)
    whole = next(filter(is_whole, best), None)
    if whole and whole != best[0]:
        say(f'note: {best[0]}: the end of this checkpoint is missing; {whole.name} is used')
    checkpoint = whole or next(iter(best), None) or last_checkpoint(work_dir)
    if checkpoint is None:
        raise UserError(f'{work_dir}: holds no checkpoint; train first, or name one on the command line')
    return checkpoint
