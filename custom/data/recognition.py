"""Recognition of folders that are not in the layout of a data set, with the command that helps."""

import os
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ..structures.photos import SUFFIXES
from ..utils.files import real_path
from ..utils.messages import one_line

DEPTH = 3  # levels of folders that are searched
MOST = 5000  # entries that are looked at: a label tool's export shows its kind in the first ones
DRAWN = Path('data/synth')  # the data root of the configs, which `make demo-data` fills


def way_out(root: Path) -> str:
    """Return what to do about a data root without train.json or valid.json: the import command for its label format.

    Args:
        root: the data root; it may be missing, or a file.
    """
    if not root.exists():
        if root == DRAWN:
            return 'make demo-data draws synthetic images there; data_root=DIR takes your own data set'
        return 'set data_root to the folder that holds it'
    if not root.is_dir():
        return f'{one_line(root)} is a file; data_root is a folder'
    inner = sorted(path.parent for path in root.glob('*/train.json'))
    if inner:
        return f'{one_line(inner[0])} has a train.json: set data_root={_quoted(inner[0])}'
    kind, description = _kind(root)
    if not kind:
        return description or 'set data_root to the folder that holds it'
    out = Path('data', real_path(root).name)
    if out.exists():
        out = out.with_name(f'{out.name}_digits')
    command = f'python tools/prepare_data.py {kind} --src {_quoted(root)} --out {_quoted(out)}'
    return f'{description}: import it by {command}, then set data_root={_quoted(out)}'


def _quoted(path: Path) -> str:
    return shlex.quote(one_line(path))


def _kind(root: Path) -> tuple[str, str]:
    """Return the sub-command of tools/prepare_data.py that reads a folder, '' if none does, and a description."""
    names = set(islice(_names(root, DEPTH), MOST))
    if names & {'train.json', 'valid.json'}:  # the layout, incomplete
        return '', ''
    endings = {Path(name).suffix for name in names}
    if names & {'digitstruct.mat', 'train.tar.gz', 'test.tar.gz'}:
        return 'svhn', 'this folder holds SVHN'
    if names & {'data.yaml', 'data.yml', 'obj.data', 'classes.txt'} or ('labels' in names and '.txt' in endings):
        return 'yolo', 'this is a YOLO folder'
    if '.xml' in endings:
        return 'voc', 'this folder holds labels of Pascal VOC'
    if '.json' in endings:
        return 'coco', 'this folder holds a json under another name'
    if endings & set(SUFFIXES):
        return '', 'this folder holds photos without labels; docs/labels.md names tools for labelling'
    return '', ''


def _names(folder: Path, depth: int) -> Iterator[str]:
    """Yield the names in a folder and below, in lower case; folders that cannot be read are passed over."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (entry.is_dir(), entry.name))
    except OSError:
        return
    yield from (entry.name.lower() for entry in entries)
    if depth > 1:
        for entry in entries:
            if entry.is_dir():
                yield from _names(Path(entry.path), depth - 1)
