"""Comparison of predictions with the checkpoint of their work dir."""

import contextlib
from pathlib import Path

from ..reading.lookup import FILE_NAME
from ..reading.settings import read_reader
from ..utils.errors import UserError
from ..utils.files import real_path
from .checkpoint_files import best_checkpoint


def weights_notes(*pred_jsons: Path) -> list[str]:
    """Note the predictions of other weights than their work dir's checkpoint, and those that are older, a line each.

    The work dir is the folder of a pred.json or the one above. The hash of the weights is in the reader.json beside the
    predictions, that of the checkpoint in the reader.json of the work dir, unless the checkpoint is newer. Where one is
    missing, the times of the files are compared.
    """
    return [note for path in pred_jsons if (note := _note(path))]


def _note(pred_json: Path) -> str:
    if pred_json.is_dir():
        pred_json /= 'pred.json'
    folder = real_path(pred_json).parent
    for work_dir in (folder, folder.parent):
        with contextlib.suppress(OSError, UserError):
            checkpoint = best_checkpoint(work_dir)
            changed, remedy = checkpoint.stat().st_mtime, 'make them again by tools/test.py --dump'
            made, kept = _weights(folder), _weights(work_dir, changed)
            if work_dir != folder and made and kept:
                fault = f'predictions of other weights ({made}) than {checkpoint} ({kept})'
                return f'{pred_json}: {fault}; {remedy}' if made != kept else ''
            older = pred_json.stat().st_mtime < changed
            return f'{pred_json}: predictions older than {checkpoint}; {remedy}' if older else ''
    return ''


def _weights(folder: Path, since: float = 0) -> str | None:
    """Read the hash of the weights from a folder's reader.json, if the file is not older than `since`."""
    path = folder / FILE_NAME
    with contextlib.suppress(OSError, UserError):
        return read_reader(path).fingerprint if path.stat().st_mtime >= since else None
    return None
