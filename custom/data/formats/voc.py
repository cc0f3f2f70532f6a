"""Labels in Pascal VOC's format: Annotations/7.xml, and the photo in JPEGImages, in images or beside it.

Corners are taken as they stand: labelImg and CVAT count from 0, VOC itself from 1. Where ImageSets/Main has train.txt,
val.txt or test.txt, these say which split a photo is of; else a folder called train, val or test does.
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
PHOTO_FOLDERS = ('JPEGImages', 'images')


def read_voc(folder: Path) -> list[SourcePhoto]:
    """All photos below `folder`, with the labels of their xml files; those without one are not labelled.

    Raises:
        UserError: there is no xml file, or one whose photo is not there.
    """
    xml_files = files_below(folder, ('.xml',))
    if not xml_files:
        raise UserError(f'{folder}: no xml file; VOC wants Annotations/7.xml and JPEGImages/7.jpg')
    splits = _read_splits(folder)
    photos = {path: SourcePhoto(path) for path in files_below(folder)}
    by_stem: dict[Path, list[Path]] = defaultdict(list)
    for path in photos:
        by_stem[path.with_suffix('')].append(path)
    lost = []
    for xml_file in xml_files:
        root, fault = _parse(xml_file)
        said = root.findtext('filename', '').strip() if root is not None else ''
        own = _photo_of(xml_file, folder, said, by_stem)
        if len(own) != 1:
            lost.append(f'{one_line(xml_file)} ({one_line(said or "no filename")}; {len(own) or "none"} there)')
            continue
        photo = photos[own[0]]
        if photo.boxes is not None:
            photo.faults.append(('photo with two xml files', one_line(xml_file)))
        photo.boxes = photo.boxes or []
        photo.split = splits.get(xml_file.stem)
        if root is None:
            photo.faults.append(('unreadable xml file', fault))
        else:
            _read_objects(root, one_line(xml_file.relative_to(folder)), photo)
    if lost:
        raise UserError(
            f'{folder}: {len(lost)} of {len(xml_files)} xml files have no photo, or several, in JPEGImages, images or '
            f'beside them; first: {lost[0]}; put the photos there, or take those xml files away'
        )
    for path, photo in photos.items():
        photo.split = photo.split or split_in_path(path.relative_to(folder))
    return list(photos.values())


def _read_splits(folder: Path) -> dict[str, str]:
    """The split of each stem that ImageSets/Main lists."""
    splits: dict[str, str] = {}
    for name in ('train', 'val', 'test'):
        path = folder / 'ImageSets' / 'Main' / f'{name}.txt'
        if path.is_file():
            splits.update((line.strip(), SPLIT_OF[name]) for line in read_text(path).splitlines() if line.strip())
    return splits


def _parse(path: Path) -> tuple[ElementTree.Element | None, str]:
    """The root of an xml file; or None and why it cannot be read."""
    try:
        content = path.read_bytes()
        # expat itself knows no encoding of several bytes, such as GB 2312
        said = re.match(rb'<\?xml[^>]*\sencoding\s*=\s*["\']([\w.-]+)', content)
        return ElementTree.fromstring(content.decode(said[1].decode()) if said else content), ''
    except (OSError, LookupError, ValueError, ElementTree.ParseError) as error:
        return None, f'{one_line(path)}: {one_line(error)}'


def _photo_of(xml_file: Path, folder: Path, name: str, by_stem: dict[Path, list[Path]]) -> list[Path]:
    """The photos that an xml file may mean: of the name it says, else of its own stem."""
    places = [xml_file]
    for photo_folder in PHOTO_FOLDERS:
        if place := replaced_folder(xml_file, folder, 'Annotations', photo_folder):
            places.append(place)
    near = [path for place in places for path in by_stem.get(place.with_suffix(''), ())]
    # the name may come with the folder of another computer
    said = Path(name.replace('\\', '/')).name
    if said:
        named = [place.with_name(said) for place in places]
        exact = [path for path in named if path in by_stem.get(path.with_suffix(''), ())]
        return exact or near
    return near


def _read_objects(root: ElementTree.Element, where: str, photo: SourcePhoto) -> None:
    """Put the objects of an xml file, and what is wrong with them, into `photo`."""
    assert photo.boxes is not None
    sides = [_number(root.findtext(f'size/{side}')) for side in ('width', 'height')]
    if None not in sides and all(sides):  # some tools leave 0
        photo.size = tuple(map(int, sides))  # type: ignore[arg-type, assignment]
    for number, thing in enumerate(root.iter('object'), 1):
        place = f'{where} object {number}'
        label = (thing.findtext('name') or '').strip()
        corners = [_number(thing.findtext(f'bndbox/{corner}')) for corner in CORNERS]
        if not label or None in corners:
            photo.faults.append((f'object without a name or bndbox with {", ".join(CORNERS)}', place))
            continue
        left, top, right, bottom = (float(value) for value in corners)  # type: ignore[arg-type]
        photo.boxes.append(SourceBox(place, label, [left, top, right - left, bottom - top]))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or '')
        return value if math.isfinite(value) else None
    except ValueError:
        return None
