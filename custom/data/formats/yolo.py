"""Labels in YOLO's format: images/7.png and labels/7.txt, a line `class x_centre y_centre width height` for each box.

Coordinates are shares of the sides of the photo. data.yaml or classes.txt has the names of the classes. `images` and
`labels` may be at any depth, with train, val or test above or below them. Without such folders, each label file is
beside its photo, as labelImg and CVAT write them.
"""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import yaml

from ...utils.errors import UserError
from ...utils.messages import one_line
from .labels import SourceBox, SourcePhoto, files_below, read_text, replaced_folder, split_in_path

NAME_FILES = ('data.yaml', 'data.yml', 'dataset.yaml', 'classes.txt', 'labels/classes.txt', 'obj.names')


def read_yolo(folder: Path) -> list[SourcePhoto]:
    """Read all photos below `folder` with their labels; if there are folders called `images`, only those in them.

    A photo without a label file is not labelled; a photo with an empty one has no digit.

    Raises:
        UserError: there is no photo or no label file, or the names of the classes cannot be read.
    """
    label_files = {path: replaced_folder(path, folder, 'images', 'labels') for path in files_below(folder)}
    apart = any(label_files.values())
    users: dict[Path, list[Path]] = defaultdict(list)
    for path, label_file in label_files.items():
        if label_file or not apart:
            users[(label_file or path).with_suffix('.txt')].append(path)
    if not users:
        raise UserError(f'{folder}: no photo; YOLO wants images/7.png and labels/7.txt')
    names = _read_names(folder)
    photos = []
    for label_file, paths in users.items():
        for path in paths:
            photo = SourcePhoto(path, split_in_path(path.relative_to(folder)), relative=True)
            if label_file.exists():
                _read_labels(label_file, one_line(label_file.relative_to(folder)), names, photo)
                if len(paths) > 1:
                    both = ' and '.join(map(one_line, paths[:2]))
                    photo.faults.append(('photo that shares its label file with another one', both))
            photos.append(photo)
    if all(photo.boxes is None for photo in photos):
        raise UserError(f'{folder}: no photo has a label file, such as {one_line(next(iter(users)))}')
    return photos


def _read_names(folder: Path) -> dict[int, str]:
    """Read the name of each class id; without a file of names there is none."""
    path = next((folder / name for name in NAME_FILES if (folder / name).is_file()), None)
    if path is None:
        return {}
    text = read_text(path)
    if path.suffix in ('.txt', '.names'):
        return dict(enumerate(line.strip() for line in text.splitlines() if line.strip()))
    try:
        content: Any = yaml.load(text, yaml.BaseLoader)  # all values are text: no date can be wrong
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f'{path}: is no YAML ({one_line(error)}); mend it, or give classes.txt') from None
    names = content.get('names') if isinstance(content, dict) else None
    names = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(names, dict) or not all(
        re.fullmatch('[0-9]{1,9}', str(key)) and isinstance(name, str) for key, name in names.items()
    ):
        raise UserError(f'{path}: has no "names: [...]" that lists the classes; add it, or give classes.txt')
    return {int(key): name.strip() for key, name in names.items()}


def _read_labels(path: Path, shown: str, names: dict[int, str], photo: SourcePhoto) -> None:
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
            label, x, y, w, h = map(float, fields)
        except ValueError:
            photo.faults.append(('line that is not `class x y width height`', f'{where}: {one_line(line[:80])!r}'))
            continue
        if not label.is_integer() or (names and int(label) not in names):
            photo.faults.append(('class that is not in the list of names', f'{where}: {fields[0]}'))
        elif not all(0 <= value <= 1 for value in (x, y, w, h)):
            photo.faults.append(('box whose values are no shares from 0 to 1', f'{where}: {" ".join(fields[1:])}'))
        else:
            name = names.get(int(label), f'class_{int(label)}')
            photo.boxes.append(SourceBox(where, name, [x - w / 2, y - h / 2, w, h]))
