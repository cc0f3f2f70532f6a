"""The gallery of the HTML report: the photos worth looking at, with what was read on them and what is true."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from custom.digit_confusion import NOTHING, PhotoDigits
from custom.errors import UserError
from custom.number_figures import edits
from custom.photos import photo_path, read_photo
from custom.reading import Reading
from custom.report_pictures import Picture, picture

MOST_CARDS, MOST_BYTES = 300, 5_000_000  # of the pictures together: a page that a phone can open


class Card(NamedTuple):
    """A photo of the gallery.

    Attributes:
        name: of its file.
        read: the number, '' where none was read.
        true: the true number, '' where there is none; None where it is not known.
        confidence: of the number, 0..1.
        wrong: how many digits are wrong, phantom or missing, by name; what there is none of is left out.
        confused: (true digit, digit read) of every mistake, with `NOTHING` for a phantom or a missed digit.
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
            confused = [(one, other) for one, other in boxes.outcomes() if one != other]
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
        >>> confusion_name(7, 1), confusion_name(7, NOTHING), confusion_name(NOTHING, 1)
        ('7 read as 1', '7 missed', 'phantom 1')
    """
    if true == NOTHING:
        return f'phantom {read}'
    return f'{true} missed' if read == NOTHING else f'{true} read as {read}'
