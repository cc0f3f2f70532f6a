"""Gallery of the HTML report: photos with the boxes read and the ground truth."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..evaluation.confusion import BACKGROUND, PhotoDigits
from ..evaluation.number_accuracy import edits
from ..reading.numbers import Reading
from ..structures.photos import photo_path, read_photo
from ..utils.errors import UserError

WIDTH, HEIGHT = 170, 130  # pixels of the page, at most
MARGIN = 1.0  # around the number, in heights of a digit
SHARPER = 3  # embedded pixels per pixel of the page, at most: pictures can be enlarged
MOST_CARDS, MOST_BYTES = 300, 5_000_000  # of all pictures: a page that a phone can open
RIGHT_CARDS, RIGHT_BYTES = 100, 1_500_000  # of the photos whose number is right


class DrawnBox(NamedTuple):
    """A box in pixels of its picture; `kind` is 'right', 'wrong', or 'plain' without ground truth."""

    x: float
    y: float
    width: float
    height: float
    label: int
    kind: str


class Picture(NamedTuple):
    """A part of a photo with its boxes."""

    width: float  # in pixels of the page
    height: float
    uri: str | None  # its pixels as a data URI; None without the photo
    read: list[DrawnBox]
    true: list[DrawnBox]


def picture(
    digits: PhotoDigits, photo: np.ndarray | None, size: tuple[int, int], judged: bool, around: np.ndarray | None = None
) -> Picture:
    """Crop a photo around its boxes, with a margin of a digit's height; without a box, take the whole photo.

    Args:
        digits: the boxes.
        photo: (H, W, 3) uint8 RGB; None to draw the boxes alone.
        size: width and height of the photo in pixels.
        judged: whether the ground truth is known, so that boxes are right or wrong.
        around: boxes (N, 4), xyxy in pixels, that the crop holds. Defaults to None, those of `digits`.
    """
    around = np.vstack([digits.read, digits.true]) if around is None else around
    left, top, right, bottom = _crop(around, size)
    scale = min(WIDTH / (right - left), HEIGHT / (bottom - top))
    uri = None if photo is None else _data_uri(photo[top:bottom, left:right], scale * SHARPER)
    read_kinds = ['wrong' if judged else 'plain'] * len(digits.read)
    true_kinds = ['wrong'] * len(digits.true)
    for i, j in digits.pairs:
        if digits.read_labels[i] == digits.true_labels[j]:
            read_kinds[i] = true_kinds[j] = 'right'
    for i in digits.ignored:
        read_kinds[i] = 'plain'

    def drawn(boxes: np.ndarray, labels: np.ndarray, kinds: Sequence[str]) -> list[DrawnBox]:
        inside = (np.clip(boxes, [left, top] * 2, [right, bottom] * 2) - [left, top] * 2) * scale
        columns = inside[:, 0], inside[:, 1], inside[:, 2] - inside[:, 0], inside[:, 3] - inside[:, 1]
        rows = zip(*(c.round(1).tolist() for c in columns), labels.tolist(), kinds, strict=True)
        return [DrawnBox(*row) for row in rows]

    width, height = round((right - left) * scale, 1), round((bottom - top) * scale, 1)
    read = drawn(digits.read, digits.read_labels, read_kinds)
    return Picture(width, height, uri, read, drawn(digits.true, digits.true_labels, true_kinds))


def _crop(boxes: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part of a photo around boxes (N, 4), xyxy in pixels."""
    if not len(boxes):
        return 0, 0, *size
    room = MARGIN * float(np.median(boxes[:, 3] - boxes[:, 1]))
    left, top = np.clip(np.floor(boxes[:, :2].min(axis=0) - room), 0, np.array(size) - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(boxes[:, 2:].max(axis=0) + room), 1, size).astype(int).tolist()
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _data_uri(pixels: np.ndarray, scale: float) -> str:
    """Encode pixels (H, W, 3), uint8 RGB, as a JPEG, downscaled where `scale` is under 1."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if scale < 1:
        size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    file = io.BytesIO()
    image.save(file, 'JPEG', quality=85, optimize=True)
    return f'data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}'


class Card(NamedTuple):
    """A photo of the gallery."""

    name: str  # of its file
    read: str  # the number, '' for none
    true: str | None  # the true number, '' for none; None where it is unknown
    confidence: float  # 0..1
    wrong: dict[str, int]  # wrong, phantom and missing digits, by name, without zeros
    confused: list[tuple[int, int]]  # (true digit, digit read) of every error, see `PhotoDigits.label_pairs`
    picture: Picture | None  # None where neither the photo nor its size is known
    problem: str  # why the photo is not shown, or ''


def choose(readings: Mapping[int, Reading], true: Mapping[int, str] | None) -> tuple[list[int], list[int]]:
    """List the photos with a wrong number, by falling confidence, and those with a right one, by rising confidence.

    Without true numbers, all photos are in the first list, by rising confidence.
    """
    rising = sorted(readings, key=lambda image_id: readings[image_id].confidence)
    if true is None:
        return rising, []
    right = [image_id for image_id in rising if image_id in true and readings[image_id].number == true[image_id]]
    wrong = [image_id for image_id, number in true.items() if readings[image_id].number != number]
    return sorted(wrong, key=lambda image_id: -readings[image_id].confidence), right


def make_cards(
    chosen: Sequence[int],
    names: Mapping[int, str],
    readings: Mapping[int, Reading],
    true: Mapping[int, str] | None,
    digits: Mapping[int, PhotoDigits],
    sizes: Mapping[int, Sequence[int]],
    images: Path | None,
    limits: tuple[int, int] | None = None,
) -> list[Card]:
    """Make cards of the first chosen photos: at most so many, with at most so many bytes, as `limits` has it.

    The limits default to MOST_CARDS and MOST_BYTES.

    Mappings are by image_id: file names, readings, true numbers (None where they are unknown), boxes, and known widths
    and heights in pixels, for photos that cannot be read. `images` is the folder of the photos, if it is known.
    """
    cards: list[Card] = []
    total = 0
    most_cards, most_bytes = limits or (MOST_CARDS, MOST_BYTES)
    for image_id in tqdm(chosen[:most_cards], 'drawing', unit=' photos', delay=2, leave=False, disable=None):
        reading, boxes, size = readings[image_id], digits[image_id], sizes.get(image_id)
        photo, problem = load(images, names[image_id])
        if photo is not None:
            size = photo.shape[1], photo.shape[0]
        shown = picture(boxes, photo, (int(size[0]), int(size[1])), true is not None) if size else None
        total += len(shown.uri or '') if shown else 0
        if total > most_bytes and cards:
            break
        truth, wrong, confused = None, dict[str, int](), list[tuple[int, int]]()
        if true is not None:
            truth = true[image_id]
            counts = zip(('wrong', 'phantom', 'missing'), edits(reading.number, truth), strict=True)
            wrong = {kind: count for kind, count in counts if count}
            confused = [(one, other) for one, other in boxes.label_pairs() if one != other]
        numbers = reading.number, truth, reading.confidence
        cards.append(Card(names[image_id], *numbers, wrong, confused, shown, problem))
    return cards


def load(images: Path | None, name: str) -> tuple[np.ndarray | None, str]:
    """Read a photo, (H, W, 3) uint8 RGB; return None and the problem if it cannot be read, or without a folder."""
    if images is None:
        return None, ''
    try:
        return read_photo(photo_path(images, name)), ''
    except UserError as error:
        return None, str(error)


def confusions(cards: Iterable[Card]) -> list[tuple[str, str, int]]:
    """Count the errors on the cards, by falling frequency: 'true-read' as a key, its name, on how many cards."""
    counts = Counter(pair for card in cards for pair in dict.fromkeys(card.confused))
    return [(f'{true}-{read}', confusion_name(true, read), count) for (true, read), count in counts.most_common()]


def confusion_name(true: int, read: int) -> str:
    """Name an error.

    Example:
        >>> confusion_name(7, 1), confusion_name(7, BACKGROUND), confusion_name(BACKGROUND, 1)
        ('7 read as 1', '7 deleted (missing)', '1 inserted (phantom)')
    """
    if true == BACKGROUND:
        return f'{read} inserted (phantom)'
    return f'{true} deleted (missing)' if read == BACKGROUND else f'{true} read as {read}'
