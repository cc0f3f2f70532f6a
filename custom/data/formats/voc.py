"""Labels in Pascal VOC's format: Annotations/7.xml, and the photo in JPEGImages, in images or beside the xml file.

Corners are not shifted: labelImg, CVAT and Label Studio count from 0. Files of supervision count the left and upper
edge from 1, and are recognised. A split is that of the lists in ImageSets or beside it, otherwise that of a folder.
"""

import codecs
import math
import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from ...structures.geometry import around_turned
from ...utils.errors import UserError
from ...utils.files import read_file
from ...utils.messages import one_line
from ..coco_reading import Findings
from .labels import (
    SourceBox,
    SourcePhoto,
    files_below,
    name_key,
    photos_of,
    read_lines,
    replaced_folder,
    split_in_path,
    split_named,
    take_splits,
)

CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
MOST_XML = 10_000_000  # bytes of a file
SLOW = ('idna', 'punycode')  # encodings whose time grows with the square of the length; no tool writes them
MANY_SWAPPED = 0.1  # share of boxes whose corners are swapped, above which the others are doubtful, too


def read_voc(folder: Path, notes: Findings) -> list[SourcePhoto]:
    """Read all photos below `folder` with the labels of their xml files; a photo without one is not labelled.

    Args:
        folder: holds photos and xml files.
        notes: counts what is passed over or taken in another form.

    Raises:
        UserError: there is no xml file, the photo of one is missing, or the corners of many boxes are swapped.
    """
    files = files_below(folder, notes)
    xml_files = [path for path in files if path.suffix.lower() == '.xml']
    if not xml_files:
        raise UserError(f'{folder}: no xml file; VOC wants Annotations/7.xml and JPEGImages/7.jpg')
    paths = photos_of(folder, files, notes)
    photos = {path: SourcePhoto(path, split_in_path(path.relative_to(folder), notes)) for path in paths}
    by_key: dict[str, list[Path]] = defaultdict(list)
    for path in photos:
        by_key[name_key(path.relative_to(folder))].append(path)
    lost, swapped = [], Findings()
    for xml_file in xml_files:
        root, fault = _parse(xml_file)
        name = root.findtext('filename', '').strip() if root is not None else ''
        own, named = _photos_of(xml_file, folder, name, by_key)
        paths = [path for path in named if path in own] or own or named
        if len(paths) != 1:
            lost.append(f'{one_line(xml_file)} ({one_line(name or "no filename")}; {len(paths) or "none"} there)')
            continue
        photo, shown = photos[paths[0]], one_line(xml_file.relative_to(folder))
        if photo.boxes is not None:
            photo.faults.append(('photo with two xml files', one_line(xml_file)))
        photo.boxes = photo.boxes or []
        if named and paths[0] not in named:
            kind = 'xml file beside the photo of its own name, whose <filename> is another photo that is there'
            photo.faults.append((kind, f'{shown}: {one_line(name)}, not {one_line(paths[0].name)}'))
        elif name and not named:
            kind = 'xml file whose <filename> is not there, taken for the photo of its own name'
            notes.add(kind, f'{shown}: {one_line(name)}, not {one_line(paths[0].name)}')
        if root is None:
            photo.faults.append(('unreadable xml file', fault))
        else:
            _read_objects(root, shown, photo, photo.boxes, swapped, notes)
    if lost:
        raise UserError(
            f'{folder}: {len(lost)} of {len(xml_files)} xml files have no photo, or several, in JPEGImages, images or '
            f'beside them; first: {lost[0]}; put the photos there, or remove those xml files'
        )
    boxes = swapped.counts.total() + sum(len(photo.boxes or ()) for photo in photos.values())
    if swapped.counts.total() > MANY_SWAPPED * boxes:
        raise UserError(
            f'{folder}: {swapped.lines()[0]}; of {boxes} boxes in all; xmin, ymin, xmax, ymax must be corners, left '
            'before right and upper before lower, not x, y, width and height'
        )
    _take_lists(folder, files, photos, notes)
    return list(photos.values())


def _take_lists(folder: Path, files: list[Path], photos: dict[Path, SourcePhoto], notes: Findings) -> None:
    """Apply the lists of ImageSets, else those at the top; lists of a class (`3_train.txt`) name photos of a split."""
    lists: dict[Path, list[Path]] = defaultdict(list)
    for path in [path for path in files if path.suffix.lower() == '.txt']:
        parts = [part.casefold() for part in path.relative_to(folder).parts[:-1]]
        if 'imagesets' in parts:
            lists[folder.joinpath(*path.relative_to(folder).parts[: parts.index('imagesets')])].append(path)
        elif not parts and split_named(path.stem):
            lists[folder].append(path)
    for base, paths in lists.items():
        paths = [path for path in paths if path.parent.name.casefold() == 'main'] or paths
        splits = {path: split_named(path.stem) or split_named(path.stem.rpartition('_')[2]) for path in paths}
        below = {path: photo for path, photo in photos.items() if base in path.parents}
        named = [(path, split) for path, split in splits.items() if split]
        if not named:
            notes.add('list of photos that names no split, passed over', one_line(paths[0].relative_to(folder)))
        take_splits(base, below, [(split, str(path), read_lines(path)) for path, split in named], notes)


def _parse(path: Path) -> tuple[ElementTree.Element | None, str]:
    """Return the root of an xml file, or None and the reason."""
    try:
        content = read_file(path, MOST_XML)
        # expat knows no multi-byte encoding such as GB 2312
        encoding = re.match(rb'<\?xml[^>]*\sencoding\s*=\s*["\']([\w.-]+)', content)
        if encoding and codecs.lookup(encoding[1].decode()).name in SLOW:
            raise ValueError(f'encoding {encoding[1].decode()}')
        return ElementTree.fromstring(content.decode(encoding[1].decode()) if encoding else content), ''
    except OSError as error:
        return None, f'{one_line(path)}: {error.strerror}'
    except (LookupError, ValueError, ElementTree.ParseError) as error:
        return None, f'{one_line(path)}: {one_line(error)}'


def _photos_of(xml_file: Path, folder: Path, name: str, by_key: dict[str, list[Path]]) -> tuple[list[Path], list[Path]]:
    """List the photos of the stem of an xml file, and those of the name in it."""
    folders = (replaced_folder(xml_file, folder, 'Annotations', new) for new in ('JPEGImages', 'images'))
    places = [xml_file, *(path for path in folders if path)]

    def there(name: str) -> list[Path]:
        return [
            path for place in places for path in by_key.get(name_key((place.parent / name).relative_to(folder)), ())
        ]

    name = name.replace('\\', '/').rpartition('/')[2]  # it may come with a folder of another computer
    own, named = there(xml_file.name), there(name) if name else []
    own = [path for path in own if path.stem == xml_file.stem] or own
    return own, [path for path in named if path.name == name] or named


def _read_objects(
    root: ElementTree.Element,
    where: str,
    photo: SourcePhoto,
    boxes: list[SourceBox],
    swapped: Findings,
    notes: Findings,
) -> None:
    """Add the objects of an xml file to `boxes`, and size and faults to `photo`."""
    width, height = (_number(root.findtext(f'size/{side}')) for side in ('width', 'height'))
    if width and height:  # some tools leave 0
        photo.size = int(width), int(height)
    from_1 = (root.findtext('folder'), root.findtext('source/database')) == ('VOC', 'roboflow.ai')
    for number, element in enumerate(root.iter('object'), 1):
        example = f'{where} object {number}'
        label = (element.findtext('name') or '').strip()
        corners = [_number(element.findtext(f'bndbox/{corner}')) for corner in CORNERS]
        left, top, right, bottom = corners
        if not label or left is None or top is None or right is None or bottom is None:
            turned = 'turned box (robndbox)' if element.find('robndbox') is not None else 'object'
            photo.faults.append((f'{turned} without a name or bndbox with {", ".join(CORNERS)}', example))
            continue
        if right < left or bottom < top:
            kind, text = (
                'box with xmin above xmax or ymin above ymax',
                ' '.join(f'{corner:g}' for corner in corners if corner is not None),
            )
            photo.faults.append((kind, f'{example}: {text}'))
            swapped.add(kind, f'{example}: {text}')
            continue
        if from_1:
            left, top = left - 1, top - 1
            notes.add('box of supervision, whose xmin and ymin count from 1: 1 px is taken off', example)
        bbox = [left, top, right - left, bottom - top]
        degrees = {a.findtext('name'): _number(a.findtext('value')) for a in element.iter('attribute')}.get('rotation')
        if degrees:
            bbox = around_turned(bbox, degrees)
        if degrees or element.find('robndbox') is not None:
            notes.add('turned box, of which the upright box around it is taken', example)
        boxes.append(SourceBox(example, label, bbox))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or '')
        return value if math.isfinite(value) else None
    except ValueError:
        return None
