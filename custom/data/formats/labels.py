"""Labels of other tools: their classes become digits, and all faults are reported at once.

The modules of the formats return a `SourcePhoto` for each photo; `check_labels` converts these into annotations.
"""

import os
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ...structures.annotations import DigitAnnotations
from ...structures.digits import DIGITS
from ...structures.photos import BESIDE, CONVERT, FORMAT_NAMES, HEIC, LONGEST_NAME, SUFFIXES, natural_key, spelling
from ...utils.errors import UserError
from ...utils.files import MOST_TEXT, NOT_REGULAR, is_regular, read_file
from ...utils.messages import one_line
from ..box_checks import truth_notes, upright_photos
from ..coco_reading import DigitBox, Findings, box_array, box_arrays, bullets, form_fault, note_size, read_boxes
from ..near_duplicates import Scan, scan_photos

ClassMap = Mapping[str, int | None]
MAX_NAMES = 10  # unknown classes that a message lists
SPLIT_NAME = re.compile(  # train, val2017, valset, dev, obj_train_data, images_test, autosplit_val ...
    r'(?:(?:obj|images?|labels?|autosplit)[ _-]?)?(?:(train(?:ing)?)|(val(?:id(?:ation)?)?|dev)|(test(?:ing)?))'
    r'(?:[ _-]?(?:sets?|split|data|images?|photos))?[ _-]?[0-9]*',
    re.IGNORECASE,
)
NOT_IN_NAME = (*SUFFIXES, '.xml', '.txt')  # endings that names in lists may have or lack
AS_FILES = (*NOT_IN_NAME, '.json', '.yaml', '.yml')


class SourceBox(NamedTuple):
    """A box of a label file."""

    where: str  # file and position in it, for messages
    label: str  # the name of its class
    bbox: list[float]  # xywh, in pixels or as shares of the sides of the photo
    marks: Mapping[str, Any] = {}  # iscrowd, ignore, rotation in degrees and attributes, as COCO names them


@dataclass
class SourcePhoto:
    """A photo with its labels."""

    path: Path
    split: str | None = None  # 'train', 'valid' or 'test'; None if the source has no split
    boxes: list[SourceBox] | None = None  # None if the photo is not labelled
    relative: bool = False  # whether boxes are shares of the sides of the photo, not pixels
    size: tuple[int, int] | None = None  # width and height in pixels in the label file, if it has them
    groups: Mapping[str, str] = field(default_factory=dict)  # value of each key of `SplitRule.group_by`
    faults: list[tuple[str, str]] = field(default_factory=list)  # kind and example of each fault of the label file


def parse_classes(pairs: Sequence[str]) -> dict[str, int | None]:
    """Parse the values of `--classes NAME=DIGIT …`; `NAME=none`, boxes to leave out, gives None.

    Raises:
        UserError: a value has another form, or a name is given twice.

    Example:
        >>> parse_classes(['ten=0', 'plate=none'])
        {'ten': 0, 'plate': None}
    """
    classes: dict[str, int | None] = {}
    for pair in pairs:
        name, equals, digit = pair.rpartition('=')
        if not equals or digit not in (*DIGITS, 'none'):
            raise UserError(f'--classes {pair}: must be NAME=DIGIT with a digit from 0 to 9, or NAME=none')
        if name.strip() in classes:
            raise UserError(f'--classes: {name.strip()!r} is there twice; give each name once')
        classes[name.strip()] = None if digit == 'none' else int(digit)
    return classes


def class_digits(source: Path, labels: Iterable[tuple[str, str]], classes: ClassMap) -> dict[str, int | None]:
    """Map the names '0' to '9' and those in `classes` to digits, and classes to leave out to None.

    Raises:
        UserError: a label, given by name and position, is neither a digit nor in `classes`; `source` is its origin.
    """
    known: dict[str, int | None] = {**{name: int(name) for name in DIGITS}, **classes}
    unknown = Findings()
    for name, where in labels:
        if name not in known:
            unknown.add(name, where)
    if not unknown.counts:
        return known
    listed = sorted(unknown.counts.most_common(MAX_NAMES), key=lambda pair: natural_key(pair[0]))
    more = f' and {len(unknown.counts) - len(listed)} more' if len(unknown.counts) > len(listed) else ''
    names = ', '.join(f'{name!r} ({count} boxes; first: {unknown.examples[name]})' for name, count in listed)
    pairs = ' '.join(f'{shlex.quote(name)}=DIGIT' for name, _ in listed)
    raise UserError(
        f'{source}: labels that are no digit: {names}{more}; give the digit of each one by '
        f'--classes {pairs} (or =none: such boxes are left out)'
    )


def check_labels(
    source: Path,
    photos: Sequence[SourcePhoto],
    classes: ClassMap,
    skip_bad: bool = False,
    notes: Findings | None = None,
) -> tuple[DigitAnnotations, list[SourcePhoto], np.ndarray]:
    """Decode every photo, map every label to its digit, and check every box.

    Args:
        source: name of the photos in messages.
        photos: photos of one of the formats.
        classes: digits of the labels other than '0' to '9', see `parse_classes`.
        skip_bad: whether photos with a fault are left out and counted in the notes. Defaults to False.
        notes: findings of the reader, which come first in the notes. Defaults to None.

    Returns:
        M photos as annotations, whose file names are whole paths, and as given; signatures, float32 (M, 256), of
        `custom.data.near_duplicates`.

    Raises:
        UserError: a label is no digit, photos or labels have faults (all are listed), or no labelled photo is left.
    """
    digits = class_digits(source, ((box.label, box.where) for photo in photos for box in photo.boxes or ()), classes)
    scan = scan_photos([photo.path for photo in photos])
    wrong, notes = Findings(), notes or Findings()
    entries = [_entries(i, photo, scan, digits, notes) for i, photo in enumerate(photos)]
    images = {i: {'id': i, 'width': width, 'height': height} for i, (width, height) in enumerate(scan.sizes.tolist())}
    seen = [i not in scan.faults for i in images]
    absolute = [entry for i, own in enumerate(entries) if seen[i] and not photos[i].relative for entry in own]
    if fault := form_fault(absolute, images):
        raise UserError(f'{source}: {"; first: ".join(fault)}')
    sizes = [photo.size if ok else None for photo, ok in zip(photos, seen, strict=True)]
    upright = upright_photos(sizes, scan.sizes, [photo.path for photo in photos], lambda i: box_array(entries[i]))
    same = {digit: digit for digit in range(10)}
    kept: list[int] = []
    boxes: list[DigitBox] = []
    for i, photo in enumerate(tqdm(photos, 'checking labels', delay=2, unit=' photos', leave=False, disable=None)):
        faults = Findings()
        for fault in photo.faults:
            faults.add(*fault)
        if i in scan.faults:
            faults.add('unreadable photo', scan.faults[i])
        else:
            size = images[i]['width'], images[i]['height']
            note_size(photo.size or size, size, i in upright, photo.path, faults, notes)
            checked = read_boxes(entries[i], images, same, faults, notes)
        wrong.counts.update(faults.counts)
        wrong.examples = faults.examples | wrong.examples
        if not faults.counts:
            kept.append(i)
            boxes += checked
            if photo.boxes == []:
                notes.add('photo without a box, taken as one without a digit', one_line(photo.path))
    skipped, lines = len(photos) - len(kept), wrong.lines()
    if lines and not skip_bad:
        raise UserError(
            f'{source}: {skipped} of {len(photos)} photos have mistakes; mend them, or leave those photos out with '
            f'--skip-bad:{bullets(lines)}'
        )
    if not boxes:
        raise UserError(f'{source}: no labelled digit is left; give photos with boxes around their digits')
    kept_photos = [photos[i] for i in kept]
    truth = DigitAnnotations(
        image_ids=np.array(kept, dtype=np.int64),
        file_names=[str(photo.path) for photo in kept_photos],
        sizes=scan.sizes[kept],
        notes=notes.lines() + ([f'{skipped} × photo with mistakes, left out:', *lines] if lines else []),
        **box_arrays(boxes),
    )
    truth.notes.extend(truth_notes(truth))
    return truth, kept_photos, scan.signatures[kept]


def _entries(i: int, photo: SourcePhoto, scan: Scan, digits: ClassMap, notes: Findings) -> list[dict]:
    """Return the boxes of a photo in pixels, as annotations of `custom.data.coco_reading.read_boxes`."""
    sides = scan.sizes[i].tolist() * 2
    entries = []
    for box in photo.boxes or ():
        digit, bbox = digits[box.label], box.bbox
        if digit is None:
            notes.add('box left out by --classes', f'{box.where}: {box.label!r}')
            continue
        if photo.relative:  # shares have about 6 decimals
            bbox = [round(value * side, 3) for value, side in zip(bbox, sides, strict=True)]
        ids = {'id': box.where, 'image_id': i, 'category_id': digit, 'bbox': bbox}
        entries.append({**box.marks, **ids})
    return entries


def files_below(folder: Path, notes: Findings, suffixes: tuple[str, ...] = ('',)) -> list[Path]:
    """List the files with one of the suffixes at any depth, in natural order, without hidden files and folders.

    Links to folders are followed. `notes` counts what is no regular file, such as a named pipe or a broken link.

    Raises:
        UserError: the folder is missing, or one in it cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise UserError(f'{one_line(error.filename)}: cannot be read ({error.strerror}); check its permissions')

    if not folder.is_dir():
        raise UserError(f'{folder}: no such folder; give the one that holds the photos and their labels')
    paths, seen = [], {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        kept = []
        for name in folders:
            real = os.path.realpath(os.path.join(parent, name))
            if name[0] != '.' and real not in seen:  # a link to a folder above would never end
                kept.append(name)
                seen.add(real)
                if name.lower().endswith(AS_FILES):
                    shown = one_line(Path(parent, name).relative_to(folder))
                    notes.add('folder that is called like a file, searched as a folder', shown)
        folders[:] = kept
        for path in (Path(parent, name) for name in names if name[0] != '.' and name.lower().endswith(suffixes)):
            if is_regular(path):
                paths.append(path)
            else:
                notes.add(f'{NOT_REGULAR}, passed over', one_line(path.relative_to(folder)))
    return sorted(paths, key=lambda path: [natural_key(part) for part in path.parts])


def photos_of(folder: Path, files: Iterable[Path], notes: Findings) -> list[Path]:
    """Return the photos among files of `folder`, and count the others but label files and text."""
    photos = []
    for path in files:
        name = path.name.lower()
        if name.endswith(SUFFIXES):
            photos.append(path)
        elif not name.endswith((*BESIDE, '.labels')):
            kind = f'file that is no photo ({FORMAT_NAMES}), passed over'
            notes.add(kind, one_line(path.relative_to(folder)) + f'; {CONVERT}' * name.endswith(HEIC))
    return photos


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """Read a text file in UTF-8, with or without a byte order mark, of at most `most` bytes.

    Raises:
        UserError: the file cannot be read, or is larger.
    """
    try:
        return read_file(path, most).decode('utf-8-sig')
    except OSError as error:
        raise UserError(f'{one_line(path)}: cannot be read ({error.strerror}); check its permissions') from None
    except UnicodeDecodeError:
        raise UserError(f'{one_line(path)}: is no text in UTF-8; save it as such') from None


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file that are not empty, without blanks around them. Raises UserError as `read_text`."""
    return [line.strip() for line in read_text(path).splitlines() if line.strip()]


def split_named(name: str) -> str | None:
    """Return the split that a folder, list or key of a tool is called after, or None.

    Example:
        >>> [split_named(name) for name in ('val2017', 'obj_train_data', 'TEST', 'dev', 'trainval', 'holdout')]
        ['valid', 'train', 'test', 'valid', None, None]
    """
    match = SPLIT_NAME.fullmatch(name.strip())
    return ('train', 'valid', 'test')[match.lastindex - 1] if match and match.lastindex else None


def split_in_path(path: Path, notes: Findings) -> str | None:
    """Return the split that a folder of a relative path names, or None; of two splits the inner one, with a note.

    Example:
        >>> split_in_path(Path('images/val/7.png'), Findings())
        'valid'
    """
    splits = list(filter(None, map(split_named, reversed(path.parent.parts))))
    if len(set(splits)) > 1:
        notes.add('photo in folders of two splits, of which the inner one counts', one_line(path))
    return splits[0] if splits else None


def name_key(name: str | Path) -> str:
    """Return a name as it is compared: slashes, one Unicode form, lower case; not its ending of a photo or label.

    Example:
        >>> name_key('C:\\photos\\7.PNG') == name_key('c:/Photos/7.jpg') == 'c:/photos/7'
        True
    """
    key = spelling(str(name).strip())
    return next((key[: -len(suffix)] for suffix in NOT_IN_NAME if key.endswith(suffix)), key)


class NameIndex:
    """Paths by their names, for names that come with other folders, slashes, Unicode form, case or ending."""

    def __init__(self, folder: Path, paths: Iterable[Path]) -> None:
        self.folder = folder
        self._by_key: dict[str, list[Path]] = defaultdict(list)
        for path in paths:
            parts = name_key(path.relative_to(folder)).split('/')
            for i in range(len(parts)):
                self._by_key['/'.join(parts[i:])].append(path)

    def find(self, name: str) -> list[Path]:
        """List the paths that share the longest end with `name`; those with its exact spelling if there are some."""
        if len(name) > LONGEST_NAME:
            return []
        parts = [part for part in name_key(name).split('/') if part not in ('', '.', '..')]
        found = next(filter(None, (self._by_key.get('/'.join(parts[i:])) for i in range(len(parts)))), [])
        return [path for path in found if path.name == name.replace('\\', '/').rpartition('/')[2]] or found

    def find_line(self, line: str) -> list[Path]:
        """As `find` with a line of a list, which may have a flag or another name behind."""
        flagless = re.sub(r'\s+-?[0-9]+$', '', line[: LONGEST_NAME + 1])
        return next(filter(None, map(self.find, (line, flagless, line.split()[0]))), [])


def take_splits(
    folder: Path,
    photos: Mapping[Path, SourcePhoto],
    lists: Iterable[tuple[str, str, Sequence[str | Path]]],
    notes: Findings,
) -> None:
    """Give photos the splits whose lists name them; a list counts more than the name of a folder.

    Args:
        folder: holds the photos.
        photos: the photos by their paths.
        lists: split, name of the list in messages, and its lines: paths of photos, or names with or without a flag.
        notes: counts lines that name no photo, and photos of which two sources say two splits.

    Raises:
        UserError: no line of a list names a photo.
    """
    lists = list(lists)
    index = NameIndex(folder, photos if any(isinstance(line, str) for *_, lines in lists for line in lines) else ())
    named: dict[str, dict[Path, str]] = {'train': {}, 'valid': {}, 'test': {}}
    for split, where, lines in lists:
        missing = 0
        for line in lines:
            found = [line] if isinstance(line, Path) else index.find_line(line)
            found = [path for path in found if photos[path].boxes is not None] or found  # masks have the same names
            if len(found) == 1:
                named[split][found[0]] = where
            else:
                missing += 1
                what = 'no photo' if not found else f'{len(found)} photos'
                notes.add('line of a split that names no photo, or several', f'{where}: {one_line(line)} ({what})')
        if lines and missing == len(lines):
            raise UserError(
                f'{where}: no line names a photo of {folder}, first: {one_line(lines[0])}; mend or remove it'
            )
    alike = named['train'].keys() == named['valid'].keys()
    for path in {path: None for members in named.values() for path in members}:
        photo, splits = photos[path], {split: members[path] for split, members in named.items() if path in members}
        split, both = next(iter(splits)), ' and '.join(f'{split} in {where}' for split, where in splits.items())
        example = f'{one_line(path.relative_to(folder))}: {both}'
        if split != 'train' or len(splits) == 1:
            if len(splits) > 1:
                notes.add('photo in valid and test of the source, taken for valid', example)
            if photo.split not in (None, split):
                notes.add('photo whose folder names another split, which does not count', example)
            photo.split = split
        elif alike:
            notes.add('photo in train and valid of the source alike, which is no split', example)
        else:
            photo.faults.append(('photo in two splits of the source', example))


def replaced_folder(path: Path, base: Path, old: str, new: str) -> Path | None:
    """Rename the last folder called `old`, in any case, between `base` and the file; return None if there is none."""
    parts = path.relative_to(base).parts
    for i in range(len(parts) - 2, -1, -1):
        if parts[i].casefold() == old.casefold():
            return base.joinpath(*parts[:i], new, *parts[i + 1 :])
    return None
