"""Photo sets of the benchmark of domains: held-out real photos, photos on larger canvases, and synthetic images."""

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ..data.coco_reading import read_annotations
from ..data.numbers import read_numbers_csv
from ..structures.annotations import DigitAnnotations, subset, true_numbers
from ..structures.photos import photo_path, read_photo
from ..synth.domains import DOMAINS
from ..synth.fonts import digit_faces
from ..synth.scene import Assets
from ..utils.errors import UserError
from ..utils.messages import say_notes

SCALES = (2, 4, 8)  # sides of a canvas, in sides of its photo
BACKGROUNDS = ('plain', 'noise', 'photo')  # of the canvases, in turn
CROPS = (0.2, 0.35, 0.6, 0.9)  # longer side of a crop without a number, in that of its photo
LARGE = 0.7  # height of a digit of the main number, in that of the highest digit
DRAWN = 40  # synthetic images of each domain
SEED = 4_017  # not a seed of a training set
HOUSES = 'house numbers'
CANVAS = 'house numbers on a {}x canvas'
EMPTY = 'no number'
# Photos of meters-roboflow-real whose number is not the digits with boxes: a wheel between two digits, a cut digit, two
# boxes on one wheel. Its SOURCE.md lists them.
UNSURE = (
    '12_236_70_51202827', '12_236_70_51398874', '15_236_70_51238567', '21_249_70_51181258', '2_70_248_51213763',
    '4_236_70_50633576', '6_236_70_50633924', 'photo_102749108', 'photo_132751754', '22_236_70_51112308',
    'photo_100649924',
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sample:
    """A photo of a domain.

    Attributes:
        name: shown in messages.
        pixels: returns the photo, (H, W, 3) uint8, RGB.
        numbers: each of them is right; none for a photo without a number. None if the number is not known.
    """

    name: str
    pixels: Callable[[], np.ndarray]
    numbers: tuple[str, ...] | None


@dataclasses.dataclass(frozen=True)
class Domain:
    """Photos of one kind.

    Attributes:
        name: shown in the table.
        samples: M photos.
        truth: boxes of the photos; row i is sample i. Defaults to None, no boxes.
        only_read: index in the house numbers of the photo on each canvas. A canvas counts where the first reader reads
            that photo. Defaults to (), all count.
    """

    name: str
    samples: Sequence[Sample]
    truth: DigitAnnotations | None = None
    only_read: Sequence[int] = ()


def labelled_domain(name: str, json_file: Path, folder: Path, unsure: Sequence[str] = ()) -> Domain:
    """Read a COCO json with its photos; the number of a photo whose name begins with one of `unsure` is not known."""
    truth = read_annotations(json_file, folder)
    numbers = true_numbers(truth)
    samples = [
        Sample(
            file_name,
            partial(read_photo, photo_path(folder, file_name)),
            None if file_name.startswith(tuple(unsure)) else tuple(filter(None, [numbers[image_id]])),
        )
        for image_id, file_name in zip(truth.image_ids.tolist(), truth.file_names, strict=True)
    ]
    return Domain(name, samples, truth)


def numbered_domain(name: str, csv_file: Path, folder: Path, **only: str) -> Domain:
    """Read a list of numbers with its photos; only rows whose columns have the values of `only` are taken."""
    samples = [
        Sample(photo.file, partial(read_photo, photo_path(folder, photo.file)), photo.numbers)
        for photo in read_numbers_csv(csv_file)
        if all(photo.row.get(column) == value for column, value in only.items())
    ]
    return Domain(name, samples)


def canvas(photo: np.ndarray, scale: int, background: str, other: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paste a photo at a random place of a canvas that is `scale` times as wide and as high.

    Args:
        photo: (H, W, 3) uint8.
        scale: at least 1.
        background: 'plain', one grey or colour; 'noise', blurred noise around a colour; 'photo', `other` enlarged and
            blurred until its digits cannot be read.
        other: (H', W', 3) uint8.
        rng: source of randomness.

    Returns:
        (scale * H, scale * W, 3) uint8.
    """
    height, width = photo.shape[0] * scale, photo.shape[1] * scale
    colour = rng.integers(30, 226, 3)
    if background == 'photo':
        blurred = cv2.resize(other, (6, 4), interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_CUBIC)
    else:
        pixels = np.full((height, width, 3), colour, np.uint8)
    if background == 'noise':
        noise = cv2.GaussianBlur(rng.normal(0, 60, (height, width, 3)), (0, 0), 1)
        pixels = (pixels + noise).clip(0, 255).astype(np.uint8)
    top, left = (int(rng.integers(0, room + 1)) for room in (height - photo.shape[0], width - photo.shape[1]))
    pixels[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
    return pixels


def canvas_domains(houses: Domain) -> Iterator[Domain]:
    """Yield the photos of house numbers on canvases of each scale; the background alternates from photo to photo."""

    def draw(i: int, scale: int) -> np.ndarray:
        rng = np.random.default_rng([SEED, scale, i])
        other = houses.samples[int(rng.integers(len(houses.samples)))].pixels()
        return canvas(houses.samples[i].pixels(), scale, BACKGROUNDS[i % len(BACKGROUNDS)], other, rng)

    for scale in SCALES:
        samples = [
            dataclasses.replace(sample, pixels=partial(draw, i, scale)) for i, sample in enumerate(houses.samples)
        ]
        yield Domain(CANVAS.format(scale), samples, only_read=range(len(samples)))


def empty_crop(
    size: tuple[int, int], regions: np.ndarray, share: float, rng: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """Draw a crop that touches no region, in at most 200 tries.

    Args:
        size: width and height of the photo, in pixels.
        regions: (N, 4) xywh in pixels.
        share: sides of the crop, in sides of the photo.
        rng: source of randomness.

    Returns:
        xyxy in pixels; None without a place.
    """
    width, height = (max(round(side * share), 1) for side in size)
    margin = 0.1 * regions[:, 2:].max(axis=1, initial=0)  # regions are drawn by hand
    for _ in range(200):
        left, top = (int(rng.integers(0, room + 1)) for room in (size[0] - width, size[1] - height))
        apart = (regions[:, 0] - margin >= left + width) | (regions[:, 0] + regions[:, 2] + margin <= left)
        apart |= (regions[:, 1] - margin >= top + height) | (regions[:, 1] + regions[:, 3] + margin <= top)
        if apart.all():
            return left, top, left + width, top + height
    return None


def empty_domain(csv_file: Path, folder: Path) -> Domain:
    """Cut crops without a number from whole photos whose numbers have regions (column regions_xywh)."""

    def cut(path: Path, box: tuple[int, int, int, int]) -> np.ndarray:
        left, top, right, bottom = box
        return read_photo(path)[top:bottom, left:right]

    samples = []
    for i, photo in enumerate(read_numbers_csv(csv_file)):
        path = photo_path(folder, photo.file)
        try:
            regions = np.array([list(map(float, one.split())) for one in photo.row['regions_xywh'].split(';')])
            regions = regions.reshape(-1, 4)
        except (KeyError, ValueError):
            raise UserError(f'{csv_file}: {photo.file} has no column regions_xywh of four numbers a region') from None
        height, width = read_photo(path).shape[:2]
        for share in CROPS:
            box = empty_crop((width, height), regions, share, np.random.default_rng([SEED, i, int(share * 100)]))
            if box:
                samples.append(Sample(f'{photo.file} {box}', partial(cut, path, box), ()))
    return Domain(EMPTY, samples)


def drawn_domain(kind: str) -> Domain:
    """Draw synthetic images of a domain of `custom.synth`, of full hardness and a seed of their own."""
    assets = Assets(digit_faces(), (), ())
    images, boxes, labels = [], [], []
    for i in range(DRAWN):
        pixels, bboxes, digits = DOMAINS[kind](np.random.default_rng([SEED, i]), assets, 1.0)
        images.append(pixels)
        boxes.append(np.reshape(bboxes, (-1, 4)))
        labels.append(np.asarray(digits, np.int64))
    counts = [len(one) for one in labels]
    truth = DigitAnnotations(
        image_ids=np.arange(DRAWN),
        file_names=[f'{kind} {i}' for i in range(DRAWN)],
        sizes=np.array([image.shape[1::-1] for image in images]),
        box_image_ids=np.repeat(np.arange(DRAWN), counts),
        bboxes=np.concatenate(boxes).astype(np.float64),
        labels=np.concatenate(labels),
        iscrowd=np.zeros(sum(counts), bool),
    )
    samples = [
        Sample(name, partial(np.copy, image), possible_numbers(bboxes, digits))
        for name, image, bboxes, digits in zip(truth.file_names, images, boxes, labels, strict=True)
    ]
    return Domain(f'drawn: {kind}', samples, truth)


def possible_numbers(bboxes: np.ndarray, labels: np.ndarray) -> tuple[str, ...]:
    """List the numbers that an image of several numbers may be said to show.

    They are all digits, the large digits, and each row of large digits, from left to right.

    Args:
        bboxes: (K, 4) xywh in pixels.
        labels: (K,) the digits.

    Example:
        >>> rows = np.array([[0, 0, 8, 12], [9, 0, 8, 12], [0, 20, 8, 12], [30, 0, 2, 3]])
        >>> possible_numbers(rows, np.array([1, 2, 3, 4]))
        ('1324', '132', '12', '3')
    """
    if not len(labels):
        return ()
    large = np.flatnonzero(bboxes[:, 3] >= LARGE * bboxes[:, 3].max())
    middles = bboxes[:, 1] + bboxes[:, 3] / 2
    down = large[np.argsort(middles[large], kind='stable')]
    starts = np.flatnonzero(np.diff(middles[down]) > bboxes[large, 3].min() / 2) + 1
    groups = [np.arange(len(labels)), large, *np.split(down, starts)]
    orders = (group[np.argsort(bboxes[group, 0], kind='stable')] for group in groups)
    return tuple(dict.fromkeys(''.join(map(str, labels[order].tolist())) for order in orders))


def shorten(domain: Domain, most: int) -> Domain:
    """Keep at most `most` evenly spaced photos."""
    rows = np.unique(np.linspace(0, len(domain.samples) - 1, min(most, len(domain.samples))).round().astype(int))
    chosen = np.isin(np.arange(len(domain.samples)), rows)
    return dataclasses.replace(
        domain,
        samples=[domain.samples[row] for row in rows],
        truth=subset(domain.truth, chosen) if domain.truth else None,
    )


def all_domains(houses: Path, root: Path, most: int | None = None, only: Sequence[str] = ()) -> Iterator[Domain]:
    """Yield every domain whose photos are there; each missing one is a note.

    Args:
        houses: data set of house numbers; its valid split is read.
        root: holds the data sets of `make domains-data`.
        most: photos of each domain at most. Defaults to None, all.
        only: names of domains, or parts of them. Defaults to (), all. Canvases need the house numbers.

    Raises:
        UserError: a json, a list or a photo has a fault.
    """
    jsons = {
        HOUSES: houses / 'valid.json',
        'building numbers': root / 'building-numbers/valid.json',
        'number boards': root / 'number-boards/valid.json',
        'gas, water, electricity meters': root / 'meters-roboflow-real/valid.json',
        'printed meter strips': root / 'meters-roboflow-printed/valid.json',
    }
    strips, photos = root / 'kwh-meter-strips/valid.csv', root / 'building-photos/valid.csv'
    wheels, whole = 'electricity meters, wheels', 'building numbers, whole photos'
    sources: list[tuple[str, Path | None, Callable[[], Domain]]] = [
        *(
            (name, path, partial(labelled_domain, name, path, path.with_suffix(''), UNSURE))
            for name, path in jsons.items()
        ),
        (wheels, strips, partial(numbered_domain, wheels, strips, strips.with_suffix(''), complete='1')),
        (whole, photos, partial(numbered_domain, whole, photos, photos.with_suffix(''))),
        (EMPTY, photos, partial(empty_domain, photos, photos.with_suffix(''))),
        *((f'drawn: {kind}', None, partial(drawn_domain, kind)) for kind in DOMAINS),
    ]
    for name, path, read in sources:
        if only and not any(part in name for part in only):
            continue
        if path and not os.path.isfile(path):
            say_notes(f'{path}: not there, so "{name}" is left out; run make domains-data, or name the folder')
            continue
        domain = shorten(read(), most) if most else read()
        yield domain
        if name == HOUSES:
            yield from canvas_domains(domain)
