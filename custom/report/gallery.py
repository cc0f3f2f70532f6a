"""The gallery of the HTML report: the photos worth looking at, with what was read on them and what is true."""

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
MARGIN = 1.0  # heights of a digit that are shown around the number
SHARPER = 2  # pixels embedded for each one of the page, at most


class Box(NamedTuple):
    """A box in pixels of its picture; `kind` is 'right', 'wrong', or 'plain' where that is not known."""

    x: float
    y: float
    width: float
    height: float
    label: int
    kind: str


class Picture(NamedTuple):
    """A part of a photo.

    Attributes:
        width: in pixels of the page.
        height: likewise.
        uri: its pixels as a data URI; None where the photo is not there.
        read: the boxes that make up the number.
        true: the true ones.
    """

    width: float
    height: float
    uri: str | None
    read: list[Box]
    true: list[Box]


def picture(digits: PhotoDigits, photo: np.ndarray | None, size: tuple[int, int], judged: bool) -> Picture:
    """What a photo shows around its boxes, with room for a digit on each side; the whole photo where there is no box.

    Args:
        digits: the boxes.
        photo: (H, W, 3) uint8 RGB; None where it is not there.
        size: its width and height in pixels.
        judged: whether the truth is known, so that boxes are right or wrong.
    """
    left, top, right, bottom = _crop(np.vstack([digits.read, digits.true]), size)
    scale = min(WIDTH / (right - left), HEIGHT / (bottom - top))
    uri = None if photo is None else _data_uri(photo[top:bottom, left:right], scale * SHARPER)
    read_kinds, true_kinds = _kinds(digits, judged)

    def placed(boxes: np.ndarray, labels: np.ndarray, kinds: Sequence[str]) -> list[Box]:
        inside = (np.clip(boxes, [left, top] * 2, [right, bottom] * 2) - [left, top] * 2) * scale
        columns = inside[:, 0], inside[:, 1], inside[:, 2] - inside[:, 0], inside[:, 3] - inside[:, 1]
        rows = zip(*(c.round(1).tolist() for c in columns), labels.tolist(), kinds, strict=True)
        return [Box(*row) for row in rows]

    width, height = round((right - left) * scale, 1), round((bottom - top) * scale, 1)
    read = placed(digits.read, digits.read_labels, read_kinds)
    return Picture(width, height, uri, read, placed(digits.true, digits.true_labels, true_kinds))


def _kinds(digits: PhotoDigits, judged: bool) -> tuple[list[str], list[str]]:
    """Which of the boxes read, and which of the true ones, are as they should be."""
    same = [(i, j) for i, j in digits.pairs if digits.read_labels[i] == digits.true_labels[j]]
    read = ['wrong' if judged else 'plain'] * len(digits.read)
    true = ['wrong'] * len(digits.true)
    for i, j in same:
        read[i] = true[j] = 'right'
    for i in digits.ignored:
        read[i] = 'plain'
    return read, true


def _crop(boxes: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of a photo around boxes (N, 4), xyxy in pixels: left, top, right, bottom."""
    if not len(boxes):
        return 0, 0, *size
    room = MARGIN * float(np.median(boxes[:, 3] - boxes[:, 1]))
    left, top = np.clip(np.floor(boxes[:, :2].min(axis=0) - room), 0, np.array(size) - 1).astype(int).tolist()
    right, bottom = np.clip(np.ceil(boxes[:, 2:].max(axis=0) + room), 1, size).astype(int).tolist()
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _data_uri(pixels: np.ndarray, scale: float) -> str:
    """A JPEG of the pixels, (H, W, 3) uint8 RGB, made smaller where `scale` is under 1."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if scale < 1:
        size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    file = io.BytesIO()
    image.save(file, 'JPEG', quality=85, optimize=True)
    return f'data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}'


MOST_CARDS, MOST_BYTES = 300, 5_000_000  # of the pictures together: a page that a phone can open


class Card(NamedTuple):
    """A photo of the gallery.

    Attributes:
        name: of its file.
        read: the number, '' where none was read.
        true: the true number, '' where there is none; None where it is not known.
        confidence: of the number, 0..1.
        wrong: how many digits are wrong, phantom or missing, by name; what there is none of is left out.
        confused: (true digit, digit read) of every mistake, with `BACKGROUND` for a phantom or a missed digit.
        picture: None where there is neither the photo nor its size.
        problem: why the photo cannot be shown, '' where it can, or where there is no folder of photos.
    """

    name: str
    read: str
    true: str | None
    confidence: float
    wrong: dict[str, int]
    confused: list[tuple[int, int]]
    picture: Picture | None
    problem: str


def choose(readings: Mapping[int, Reading], true: Mapping[int, str] | None) -> list[int]:
    """The photos whose number is wrong, the most confident first.

    Where no truth is known (None) all photos, the least sure first.
    """
    if true is None:
        return sorted(readings, key=lambda image_id: readings[image_id].confidence)
    wrong = [image_id for image_id, number in true.items() if readings[image_id].number != number]
    return sorted(wrong, key=lambda image_id: -readings[image_id].confidence)


def make_cards(
    chosen: Sequence[int],
    names: Mapping[int, str],
    readings: Mapping[int, Reading],
    true: Mapping[int, str] | None,
    digits: Mapping[int, PhotoDigits],
    sizes: Mapping[int, Sequence[int]],
    images: Path | None,
) -> list[Card]:
    """Cards of the first of the photos chosen: at most MOST_CARDS, and as many as MOST_BYTES hold.

    Args:
        chosen: image ids, in order.
        names: the file name of each photo.
        readings: what was read.
        true: the true numbers; None where they are not known.
        digits: the boxes of each photo.
        sizes: width and height in pixels, as far as they are known, for where the photo is not there.
        images: the folder of the photos; None where it is not known.
    """
    cards: list[Card] = []
    size = 0
    for image_id in tqdm(chosen[:MOST_CARDS], 'drawing', unit=' photos', delay=2, leave=False, disable=None):
        reading, boxes = readings[image_id], digits[image_id]
        shown, problem = _look(boxes, names[image_id], sizes.get(image_id), images, true is not None)
        size += len(shown.uri or '') if shown else 0
        if size > MOST_BYTES and cards:
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


def _look(
    digits: PhotoDigits, name: str, size: Sequence[int] | None, images: Path | None, judged: bool
) -> tuple[Picture | None, str]:
    """The picture of a photo, and why the photo is not in it."""
    photo, problem = None, ''
    if images is not None:
        try:
            photo, problem = read_photo(photo_path(images, name)), ''
        except UserError as error:
            problem = str(error)
    if photo is not None:
        size = photo.shape[1], photo.shape[0]
    if size is None:
        return None, problem
    return picture(digits, photo, (int(size[0]), int(size[1])), judged), problem


def confusions(cards: Iterable[Card]) -> list[tuple[str, str, int]]:
    """The mistakes on the cards, frequent ones first: 'true-read' as they are marked, in words, on how many cards."""
    counts = Counter(pair for card in cards for pair in dict.fromkeys(card.confused))
    return [(f'{true}-{read}', confusion_name(true, read), count) for (true, read), count in counts.most_common()]


def confusion_name(true: int, read: int) -> str:
    """A mistake in words.

    Example:
        >>> confusion_name(7, 1), confusion_name(7, BACKGROUND), confusion_name(BACKGROUND, 1)
        ('7 read as 1', '7 missed', 'phantom 1')
    """
    if true == BACKGROUND:
        return f'phantom {read}'
    return f'{true} missed' if read == BACKGROUND else f'{true} read as {read}'
