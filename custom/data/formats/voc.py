"""Labels in Pascal VOC's format: Annotations/7.xml, and the photo in JPEGImages, in images or beside the xml file.

Corners are not shifted: labelImg and CVAT count from 0, VOC itself from 1. A split is that of train.txt, val.txt or
test.txt in ImageSets/Main, otherwise that of a folder called train, val or test.
"""

import math
import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from ...utils.errors import UserError
from ...utils.messages import one_line
from .labels import SPLIT_OF, SourceBox, SourcePhoto, files_below, read_text, replaced_folder, split_in_path

CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def read_voc(folder: Path) -> list[SourcePhoto]:
    """Read all photos below `folder` with the labels of their xml files; a photo without one is not labelled.

    Raises:
        UserError: there is no xml file, or the photo of one is missing.
    """
    xml_files = files_below(folder, ('.xml',))
    if not xml_files:
        raise UserError(f'{folder}: no xml file; VOC wants Annotations/7.xml and JPEGImages/7.jpg')
    splits: dict[str, str] = {}
    for split in ('train', 'val', 'test'):
        path = folder / 'ImageSets' / 'Main' / f'{split}.txt'
        if path.is_file():
            splits.update((line.strip(), SPLIT_OF[split]) for line in read_text(path).splitlines())
    photos = {path: SourcePhoto(path, split_in_path(path.relative_to(folder))) for path in files_below(folder)}
    by_stem: dict[Path, list[Path]] = defaultdict(list)
    for path in photos:
        by_stem[path.with_suffix('')].append(path)
    lost = []
    for xml_file in xml_files:
        root, fault = _parse(xml_file)
        name = root.findtext('filename', '').strip() if root is not None else ''
        paths = _photos_of(xml_file, folder, name, by_stem)
        if len(paths) != 1:
            lost.append(f'{one_line(xml_file)} ({one_line(name or "no filename")}; {len(paths) or "none"} there)')
            continue
        photo = photos[paths[0]]
        if photo.boxes is not None:
            photo.faults.append(('photo with two xml files', one_line(xml_file)))
        photo.boxes = photo.boxes or []
        photo.split = splits.get(xml_file.stem, photo.split)
        if root is None:
            photo.faults.append(('unreadable xml file', fault))
        else:
            _read_objects(root, one_line(xml_file.relative_to(folder)), photo, photo.boxes)
    if lost:
        raise UserError(
            f'{folder}: {len(lost)} of {len(xml_files)} xml files have no photo, or several, in JPEGImages, images or '
            f'beside them; first: {lost[0]}; put the photos there, or remove those xml files'
        )
    return list(photos.values())


def _parse(path: Path) -> tuple[ElementTree.Element | None, str]:
    """Return the root of an xml file, or None and the reason."""
    try:
        content = path.read_bytes()
        # expat knows no multi-byte encoding such as GB 2312
        encoding = re.match(rb'<\?xml[^>]*\sencoding\s*=\s*["\']([\w.-]+)', content)
        return ElementTree.fromstring(content.decode(encoding[1].decode()) if encoding else content), ''
    except (OSError, LookupError, ValueError, ElementTree.ParseError) as error:
        return None, f'{one_line(path)}: {one_line(error)}'


def _photos_of(xml_file: Path, folder: Path, name: str, by_stem: dict[Path, list[Path]]) -> list[Path]:
    """List the photos of the name in an xml file, otherwise those of its stem."""
    folders = (replaced_folder(xml_file, folder, 'Annotations', new) for new in ('JPEGImages', 'images'))
    places = [xml_file, *(path for path in folders if path)]
    name = Path(name.replace('\\', '/')).name  # it may come with a folder of another computer
    named = [place.with_name(name) for place in places] if name else []
    exact = [path for path in named if path in by_stem.get(path.with_suffix(''), ())]
    return exact or [path for place in places for path in by_stem.get(place.with_suffix(''), ())]


def _read_objects(root: ElementTree.Element, where: str, photo: SourcePhoto, boxes: list[SourceBox]) -> None:
    """Add the objects of an xml file to `boxes`, and size and faults to `photo`."""
    width, height = (_number(root.findtext(f'size/{side}')) for side in ('width', 'height'))
    if width and height:  # some tools leave 0
        photo.size = int(width), int(height)
    for number, element in enumerate(root.iter('object'), 1):
        label = (element.findtext('name') or '').strip()
        corners = [_number(element.findtext(f'bndbox/{corner}')) for corner in CORNERS]
        left, top, right, bottom = corners
        if not label or left is None or top is None or right is None or bottom is None:
            kind = f'object without a name or bndbox with {", ".join(CORNERS)}'
            photo.faults.append((kind, f'{where} object {number}'))
        else:
            boxes.append(SourceBox(f'{where} object {number}', label, [left, top, right - left, bottom - top]))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or '')
        return value if math.isfinite(value) else None
    except ValueError:
        return None
