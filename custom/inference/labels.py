"""Readings as labels that label tools import: COCO, YOLO, and Label Studio's tasks.

A person corrects the labels there, and tools/prepare_data.py imports the export.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from ..structures.digits import DIGITS
from ..structures.photos import free_names, photo_size
from ..utils.errors import UserError
from ..utils.files import building, is_free
from ..utils.messages import one_line
from .answers import Answer
from .reader import Digit, PhotoReading

IMAGES = 'images'
# Names of the tags in Label Studio's configuration, which tasks refer to.
TAG, PHOTO_TAG, PHOTO_KEY = 'digit', 'photo', 'image'
CONFIG = '\n'.join(
    [
        '<View>',
        f'  <Image name="{PHOTO_TAG}" value="${PHOTO_KEY}" zoom="true"/>',
        f'  <RectangleLabels name="{TAG}" toName="{PHOTO_TAG}">',
        *(f'    <Label value="{digit}" hotkey="{digit}"/>' for digit in DIGITS),
        '  </RectangleLabels>',
        '</View>',
        '',
    ]
)


class LabelledPhoto(NamedTuple):
    """A photo with the digits that were read; `size` is its width and height in pixels, upright."""

    name: str
    size: tuple[int, int]
    digits: tuple[Digit, ...]
    confidence: float

    def boxes(self) -> Iterator[tuple[Digit, list[float]]]:
        """Yield each digit with its box, xywh in pixels, clipped to the photo; a digit outside it is left out."""
        width, height = self.size
        for digit in self.digits:
            left, top, right, bottom = digit.bbox
            left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
            if right - left >= 1 and bottom - top >= 1:
                yield digit, [round(side, 3) for side in (left, top, right - left, bottom - top)]


def digits_of(reading: PhotoReading) -> tuple[Digit, ...]:
    """Return the digits of all numbers of a photo, and the confident ones that no number has, each once."""
    numbers = [digit for number in reading.numbers for digit in number.digits]
    return tuple(dict.fromkeys([*numbers, *reading.left_out]))


def labels_folder(out: Path, kind: str) -> Path:
    """Return the folder of the labels of a format in `out`.

    Raises:
        UserError: it holds something, perhaps corrected labels.
    """
    folder = out / kind
    if not is_free(folder):
        raise UserError(f'{folder}: holds labels, perhaps corrected ones; choose another --out, or move them away')
    return folder


def write_labels(folder: Path, kind: str, answers: Sequence[Answer]) -> int:
    """Write the labels of a format, and copies of the photos in images/.

    Args:
        folder: a new or empty folder.
        kind: a key of FORMATS.
        answers: those of an unsure number have labels, too.

    Returns:
        The number of boxes.

    Raises:
        UserError: a photo has gone, or the folder is in use or cannot be written to.
    """
    stems = free_names(
        [answer.path.with_suffix('') for answer in answers]
    )  # a.jpg and a.png have one label file in YOLO
    names = [stem + answer.path.suffix for stem, answer in zip(stems, answers, strict=True)]
    with building(folder) as beside:
        (beside / IMAGES).mkdir()
        photos = []
        for answer, name in zip(answers, names, strict=True):
            size = photo_size(answer.path, any_shape=True)
            photos.append(LabelledPhoto(name, size, digits_of(answer.reading), answer.reading.confidence))
            try:
                content = answer.path.read_bytes()
            except OSError as error:
                raise UserError(f'{one_line(answer.path)}: cannot be read ({error.strerror})') from None
            (beside / IMAGES / name).write_bytes(content)
        for name, text in FORMATS[kind](photos).items():
            path = beside / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding='utf-8')
    return sum(1 for photo in photos for _ in photo.boxes())


def coco(photos: Sequence[LabelledPhoto]) -> dict[str, str]:
    """Return the files of COCO's layout, as CVAT and Roboflow take it; each annotation has its score.

    Ids start at 1: several readers take id 0 for nothing.
    """
    images, annotations = [], list[dict[str, Any]]()
    for image_id, photo in enumerate(photos, 1):
        width, height = photo.size
        images.append({'id': image_id, 'file_name': photo.name, 'width': width, 'height': height})
        for digit, box in photo.boxes():
            entry = {'id': len(annotations) + 1, 'image_id': image_id, 'category_id': digit.label + 1, 'bbox': box}
            area = round(box[2] * box[3], 3)
            annotations.append({**entry, 'area': area, 'iscrowd': 0, 'segmentation': [], 'score': _score(digit)})
    categories = [{'id': i, 'name': name, 'supercategory': 'digit'} for i, name in enumerate(DIGITS, 1)]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    return {'annotations/instances_default.json': json.dumps(content)}


def yolo(photos: Sequence[LabelledPhoto]) -> dict[str, str]:
    """Return the files of YOLO's layout: a line for each box, without the score, which importers do not take."""
    names = ''.join(f'  {digit}: "{digit}"\n' for digit in DIGITS)
    files = {'data.yaml': f'path: .\ntrain: {IMAGES}\nnames:\n{names}', 'classes.txt': '\n'.join(DIGITS) + '\n'}
    for photo in photos:
        width, height = photo.size
        lines = []
        for digit, (left, top, box_width, box_height) in photo.boxes():
            shares = (left + box_width / 2) / width, (top + box_height / 2) / height, box_width / width
            lines.append(f'{digit.label} {" ".join(f"{share:.6f}" for share in (*shares, box_height / height))}\n')
        files[f'labels/{photo.name.removesuffix(Path(photo.name).suffix)}.txt'] = ''.join(lines)
    return files


def label_studio(photos: Sequence[LabelledPhoto]) -> dict[str, str]:
    """Return Label Studio's tasks and its labelling configuration.

    Each photo has one prediction, whose regions have scores. Its score is the confidence of the main number, by which
    Label Studio sorts: the least confident photos come first. Photos are local files, relative to the folder.
    """
    tasks = []
    for photo in photos:
        width, height = photo.size
        result = []
        for number, (digit, box) in enumerate(photo.boxes()):
            sides = zip(('x', 'y', 'width', 'height'), box, (width, height) * 2, strict=True)
            value = {key: round(100 * side / whole, 5) for key, side, whole in sides}
            region = {
                'id': uuid.uuid5(uuid.NAMESPACE_URL, f'{photo.name}#{number}').hex[:10],
                'type': 'rectanglelabels',
                'from_name': TAG,
                'to_name': PHOTO_TAG,
                'original_width': width,
                'original_height': height,
                'image_rotation': 0,
                'score': _score(digit),
                'value': {**value, 'rotation': 0, 'rectanglelabels': [str(digit.label)]},
            }
            result.append(region)
        prediction = {'model_version': 'digits', 'score': round(photo.confidence, 4), 'result': result}
        data = {PHOTO_KEY: f'/data/local-files/?d={quote(f"{IMAGES}/{photo.name}")}'}
        tasks.append({'data': data, 'predictions': [prediction]})
    return {'tasks.json': json.dumps(tasks), 'label_config.xml': CONFIG}


def _score(digit: Digit) -> float:
    return round(digit.score, 4)


FORMATS: Mapping[str, Callable[[Sequence[LabelledPhoto]], dict[str, str]]] = {
    'coco': coco,
    'yolo': yolo,
    'label-studio': label_studio,
}
