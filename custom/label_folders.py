"""What the readers of labels share: photos below a folder, text that people wrote, the split that a path names."""

import os
from pathlib import Path

from custom.errors import UserError
from custom.photo_scan import one_line
from custom.photos import SUFFIXES, natural_key

SPLIT_OF = {
    'train': 'train',
    'training': 'train',
    'val': 'valid',
    'valid': 'valid',
    'validation': 'valid',
    'test': 'test',
}


def files_below(folder: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """All files below a folder whose names end so, in natural order; hidden files and folders are passed over.

    Raises:
        UserError: no such folder, or one that may not be read.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f'{one_line(error.filename)}: cannot be read ({error.strerror}); check its permissions')

    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the one that holds the photos and their labels')
    found = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if name[0] != '.']
        found += [Path(parent, name) for name in names if name[0] != '.' and name.lower().endswith(suffixes)]
    return sorted(found, key=lambda path: [natural_key(part) for part in path.parts])


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without the mark of byte order.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_text(encoding='utf-8-sig')
    except OSError as error:
        raise UserError(f'{one_line(path)}: cannot be read ({error.strerror}); check its permissions') from None
    except UnicodeDecodeError:
        raise UserError(f'{one_line(path)}: is no text in UTF-8; save it as such') from None


def split_in_path(path: Path) -> str | None:
    """The split that a folder of a relative path names; None where there is none.

    Example:
        >>> split_in_path(Path('images/val/7.png'))
        'valid'
    """
    return next((SPLIT_OF[part.lower()] for part in path.parent.parts if part.lower() in SPLIT_OF), None)


def replaced_folder(path: Path, base: Path, old: str, new: str) -> Path | None:
    """`path` with its last folder called `old` below `base` called `new` instead; None where there is none."""
    parts = list(path.relative_to(base).parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == old:
            return base.joinpath(*parts[:i], new, *parts[i + 1 :])
    return None
