"""Labels in YOLO's format: images/7.png and labels/7.txt, a line `class x_centre y_centre width height` for each box.

Coordinates are shares of the sides of the photo. Of a line with corners (`class x1 y1 x2 y2 x3 y3 …`: a polygon, or the
four corners of a turned box) the upright box around them is taken. All files with names of the classes must agree.
`images` and `labels` may be at any depth, with train, val or test above or below them. Without such folders, each label
file is beside its photo, as labelImg and CVAT write them.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ...structures.photos import FORMAT_NAMES, LONGEST_NAME, SUFFIXES, stays_inside
from ...utils.errors import UserError
from ...utils.files import parse_json
from ...utils.messages import one_line
from ..coco_reading import Findings
from .labels import (
    SourceBox,
    SourcePhoto,
    files_below,
    name_key,
    photos_of,
    read_lines,
    read_text,
    replaced_folder,
    split_in_path,
    split_named,
    take_splits,
)

LINE = re.compile(r'[0-9]+(\.0*)?(\s+[-+.0-9eE]+){4,}')
MOST_YAML = 1_000_000  # bytes of a file
SLACK = 0.01  # of a side: what shares leave the photo by rounding is clipped, as a larger part is in pixels
MANY_OVER = 0.1  # share of the boxes over the edge of their photo above which another form of them is suspected
AS_GOOD_AS_ALL = 0.95  # share of the boxes that another form must suit


def read_yolo(folder: Path, notes: Findings) -> list[SourcePhoto]:
    """Read all photos below `folder` with their labels; if there are folders called `images`, only those in them.

    A photo without a label file is not labelled; a photo with an empty one has no digit. The split is that of data.yaml
    or obj.data, else of lists such as train.txt, else of the folders.

    Args:
        folder: holds the photos.
        notes: counts what is passed over or taken in another form.

    Raises:
        UserError: there is no photo or no label file, the names of the classes cannot be read or differ between files,
            or the boxes have another form.
    """
    files = files_below(folder, notes)
    label_files = {path: replaced_folder(path, folder, 'images', 'labels') for path in photos_of(folder, files, notes)}
    texts = {path for path in files if path.suffix.lower() == '.txt'}
    names, splits = _read_names_and_splits(folder, files, label_files, notes)
    listed = {path for _, _, lines in splits for path in lines}
    apart = any(label_files.values())
    users: dict[Path, list[Path]] = defaultdict(list)
    beside = set()  # label files of photos that are passed over
    for path, label_file in label_files.items():
        own, in_labels = path.with_suffix('.txt'), (label_file or path).with_suffix('.txt')
        if label_file or path in listed or not apart:
            users[own if own in texts and in_labels not in texts else in_labels].append(path)
        else:
            beside |= {own} & texts
            kind = 'labelled photo' if own in texts else 'photo'
            notes.add(f'{kind} outside the folders called images, passed over', one_line(path.relative_to(folder)))
    if not users:
        raise UserError(f'{folder}: no photo; YOLO wants images/7.png and labels/7.txt')
    _match_other_spelling(folder, users, texts, notes)
    photos = {}
    for label_file, paths in users.items():
        for path in paths:
            photo = photos[path] = SourcePhoto(path, split_in_path(path.relative_to(folder), notes), relative=True)
            if label_file in texts:
                _read_labels(label_file, one_line(label_file.relative_to(folder)), names, photo, notes)
                if len(paths) > 1:
                    both = ' and '.join(map(one_line, paths[:2]))
                    photo.faults.append(('photo that shares its label file with another one', both))
    if all(photo.boxes is None for photo in photos.values()):
        raise UserError(f'{folder}: no photo has a label file, such as {one_line(next(iter(users)))}')
    free = texts - users.keys() - beside
    lists = [path for path in sorted(free) if path.parent == folder and split_named(path.stem)]
    for path in lists if splits else ():
        if str(path) not in {where for _, where, _ in splits}:
            notes.add('list of a split that data.yaml or obj.data does not name, passed over', one_line(path.name))
    splits = splits or [(str(split_named(path.stem)), str(path), read_lines(path)) for path in lists]
    take_splits(folder, photos, splits, notes)
    _note_lost_labels(folder, files, free, notes)
    _require_centres(folder, photos.values())
    return list(photos.values())


def _match_other_spelling(folder: Path, users: dict[Path, list[Path]], texts: set[Path], notes: Findings) -> None:
    """Replace label files that are missing by free ones whose name differs by case or Unicode form only."""
    free = defaultdict(list)
    for path in texts - users.keys():
        free[name_key(path.relative_to(folder))].append(path)
    for label_file in [path for path in users if path not in texts]:
        found = free.get(name_key(label_file.relative_to(folder)), [])
        if len(found) == 1:
            users[found[0]] += users.pop(label_file)
            shown = f'{one_line(found[0].relative_to(folder))} of {one_line(users[found[0]][0].relative_to(folder))}'
            notes.add('label file whose name has another case or Unicode form than that of its photo', shown)


def _note_lost_labels(folder: Path, files: Sequence[Path], texts: set[Path], notes: Findings) -> None:
    """Count label files without a photo, with the file of that name that is no photo, if there is one."""
    others = {
        path.with_suffix(''): path for path in files if not path.name.lower().endswith(SUFFIXES) and path not in texts
    }
    for path in sorted(texts):
        in_labels = replaced_folder(path, folder, 'labels', 'images')
        try:
            is_label = next((bool(LINE.match(line)) for line in read_lines(path)), bool(in_labels))
        except UserError:
            is_label = bool(in_labels)
        if is_label:
            other = others.get((in_labels or path).with_suffix(''))
            why = f' ({one_line(other.relative_to(folder))} is none of {FORMAT_NAMES})' if other else ''
            notes.add('label file without a photo, passed over', one_line(path.relative_to(folder)) + why)


class _Loader(yaml.BaseLoader):
    """YAML whose values are all text: no date can be wrong; a key that is there twice is refused.

    Keys are text, and an alias stands for text: aliases of lists could multiply the content without end.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if is_alias and not isinstance(node, yaml.ScalarNode):
            raise yaml.YAMLError('an alias stands for a list or a mapping; write the content instead')
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = Counter(key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value)
        if None in keys:
            raise yaml.YAMLError('a key is a list or a mapping')
        if twice := next((key for key, count in keys.items() if count > 1), None):
            raise yaml.YAMLError(f'key {twice!r} is there twice')
        return super().construct_mapping(node, deep)


def _read_names_and_splits(
    folder: Path, files: Sequence[Path], photos: Mapping[Path, object], notes: Findings
) -> tuple[dict[int, str], list[tuple[str, str, Sequence[str | Path]]]]:
    """Read the name of each class id, and the splits as for `take_splits`, from all files that have them.

    Raises:
        UserError: a file cannot be read, has a name twice, or contradicts another one.
    """
    names: dict[int, str] = {}
    origin: dict[int, Path] = {}
    splits, without, counts = [], None, []
    for path in files:
        kind, found = path.suffix.lower(), None
        content: Any = {}
        if path.name.lower() == 'classes.txt' or kind in ('.names', '.labels'):
            lines = [line.strip() for line in read_text(path).rstrip().splitlines()]
            if lines and not lines[0]:
                raise UserError(f'{path}: begins with an empty line, which tools count differently; remove it')
            found = dict(enumerate(lines))
        elif path.name.lower() == 'notes.json':
            found = _names_of_notes(path)
        elif kind in ('.yaml', '.yml'):
            content = _read_yaml(path, notes)
            if 'names' in content:
                found = _names_of_yaml(path, content['names'])
            elif path.stem in ('data', 'dataset'):
                without = path
        elif path.name.lower() == 'obj.data':
            pairs = (line.partition('=') for line in read_lines(path) if '=' in line)
            content = {key.strip(): value.strip() for key, _, value in pairs}
        if found is not None or kind == '.data':
            counts += [(path, key, content[key]) for key in ('nc', 'classes') if _is_count(content.get(key))]
            for key, value in content.items():
                if (split := split_named(str(key))) and value:
                    splits += _split_entries(folder, path, split, key, content.get('path', ''), value, photos, notes)
        if found is None:
            continue
        known = Counter(name for name in found.values() if name)
        if twice := next((name for name, count in known.items() if count > 1), None):
            raise UserError(f'{path}: {twice!r} is the name of two classes; correct it')
        for i, name in found.items():
            if not name or not names.get(i):
                names[i], origin[i] = names.get(i) or name, path
            elif names[i] != name:
                hint = "; Label Studio's notes.json is right" if 'notes.json' in (path.name, origin[i].name) else ''
                raise UserError(
                    f'{folder}: class {i} is {names[i]!r} in {origin[i].relative_to(folder)}, but {name!r} in '
                    f'{path.relative_to(folder)}; correct or remove the wrong file{hint}'
                )
    for path, key, count in counts:
        if names and int(count) not in (len(names), len(list(filter(None, names.values())))):
            raise UserError(f'{path}: {key} is {count}, but {len(names)} classes have names; correct one of them')
    if without and not names:
        raise UserError(f'{without}: has no "names: [...]" that lists the classes; add it, or give classes.txt')
    return names, splits


def _is_count(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch('[0-9]{1,9}', value))


def _read_yaml(path: Path, notes: Findings) -> dict:
    try:
        content = yaml.load(read_text(path, MOST_YAML), _Loader)
    except (yaml.YAMLError, RecursionError, UserError) as error:
        if path.stem not in ('data', 'dataset'):  # perhaps of another program
            notes.add('yaml file that cannot be read, passed over', f'{path} ({one_line(error)})')
            return {}
        if isinstance(error, UserError):
            raise
        raise UserError(f'{path}: is no YAML ({one_line(error)}); mend it, or give classes.txt') from None
    if isinstance(content, dict) and 'names' in content and 'kpt_shape' in content:
        raise UserError(f'{path}: has kpt_shape, so its labels are poses; export boxes (detection) instead')
    return content if isinstance(content, dict) else {}


def _names_of_yaml(path: Path, names: Any) -> dict[int, str]:
    names = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(names, dict) or not all(
        re.fullmatch('[0-9]{1,9}', str(key)) and isinstance(name, str) for key, name in names.items()
    ):
        raise UserError(f'{path}: has no "names: [...]" that lists the classes; add it, or give classes.txt')
    if len({int(key) for key in names}) < len(names):
        raise UserError(f'{path}: "names" has a class number twice; correct it')
    return {int(key): name.strip() for key, name in names.items()}


def _names_of_notes(path: Path) -> dict[int, str]:
    """Read notes.json of Label Studio."""
    try:
        entries = parse_json(read_text(path))['categories']
        pairs = [(int(entry['id']), str(entry['name']).strip()) for entry in entries]
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise UserError(
            f'{path}: has no "categories" with id and name ({one_line(error)}); mend or remove it'
        ) from None
    if len(dict(pairs)) < len(pairs):
        raise UserError(f'{path}: has a category id twice; correct it')
    return dict(pairs)


def _split_entries(
    folder: Path,
    path: Path,
    split: str,
    key: str,
    base: str,
    value: Any,
    photos: Mapping[Path, object],
    notes: Findings,
) -> list[tuple[str, str, Sequence[str | Path]]]:
    """Resolve a split of data.yaml or obj.data, folders, lists or photos, whose paths may be of another computer."""
    entries: list[tuple[str, str, Sequence[str | Path]]] = []
    for text in value if isinstance(value, list) else [value]:
        where = f'{path}: {key}: {one_line(text)}'
        if len(f'{base}/{text}') > LONGEST_NAME:
            notes.add('split without a photo here', f'{where[:LONGEST_NAME]} …')
            continue
        parts = [part for part in f'{base}/{text}'.replace('\\', '/').split('/') if part.strip() not in ('', '.', '..')]
        ends = ['/'.join(parts[i:]) for i in range(len(parts))]
        tries = [start / end for start in (path.parent, folder) for end in ends if stays_inside(end)]
        target = next(filter(os.path.exists, tries), None) if parts else path.parent
        if target is not None and target.is_dir():
            below: Sequence[str | Path] = [photo for photo in photos if target in photo.parents]
        elif target in photos:
            below = [target] if target else []
        elif target is not None and target.suffix == '.txt':
            where, below = str(target), read_lines(target)
        else:
            below = []
        if below:
            entries.append((split, where, below))
        else:
            notes.add('split without a photo here', where)
    return entries


def _read_labels(path: Path, shown: str, names: dict[int, str], photo: SourcePhoto, notes: Findings) -> None:
    """Read the boxes and faults of a label file, called `shown` in messages, into `photo`."""
    photo.boxes = []
    try:
        lines = read_text(path).splitlines()
    except UserError as error:
        photo.faults.append(('unreadable label file', str(error)))
        return
    for number, line in enumerate(lines, 1):
        if not (fields := line.split()):
            continue
        where = f'{shown} line {number}'
        try:
            label, *values = map(float, fields)
            if len(values) < 4 or len(values) % 2:
                raise ValueError
        except ValueError:
            photo.faults.append(('line that is not `class x y width height`', f'{where}: {one_line(line[:80])!r}'))
            continue
        if not label.is_integer() or label < 0 or (names and int(label) not in names):
            photo.faults.append(('class that is not in the list of names', f'{where}: {fields[0]}'))
            continue
        if not all(-SLACK <= value <= 1 + SLACK for value in values):
            photo.faults.append(('box whose values are no shares from 0 to 1', f'{where}: {" ".join(fields[1:])}'))
            continue
        x, y, w, h = values[:4]
        if len(values) > 4:
            notes.add('polygon or turned box, of which the upright box around it is taken', where)
            left, right, top, bottom = min(values[::2]), max(values[::2]), min(values[1::2]), max(values[1::2])
            x, y, w, h = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        name = names.get(int(label)) or f'class_{int(label)}'
        photo.boxes.append(SourceBox(where, name, [x - w / 2, y - h / 2, w, h]))


def _require_centres(folder: Path, photos: Any) -> None:
    """Refuse boxes that are not centres and sides.

    Raises:
        UserError: many boxes reach over the edge, and as good as all boxes make sense in another form.
    """
    boxes = np.array([box.bbox for photo in photos for box in photo.boxes or ()]).reshape(-1, 4)
    low, sides = boxes[:, :2], boxes[:, 2:]
    over = ((low < -SLACK) | (low + sides > 1 + SLACK)).any(axis=1)
    if over.sum() <= max(1, MANY_OVER * len(over)):
        return
    first = low + sides / 2  # what the line says
    for form, suits in (
        ('x_min y_min x_max y_max', (sides > first).all(axis=1)),
        ('x_min y_min width height', (first + sides <= 1 + SLACK).all(axis=1)),
    ):
        if suits.mean() >= AS_GOOD_AS_ALL:
            raise UserError(
                f'{folder}: {over.sum()} of {len(over)} boxes reach over the edge of their photo; the lines look like '
                f'class {form}; write class x_centre y_centre width height'
            )
