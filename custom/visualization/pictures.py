"""Photos with their digits drawn in, as one contact sheet."""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..reading.numbers import Reading
from ..structures.detections import Detections
from ..structures.digits import NO_NUMBER, PALETTE
from ..structures.geometry import xywh_to_xyxy
from .packing import even_rows

PHOTO_HEIGHT, MAX_WIDTH, ROW_WIDTH = 120, 480, 1200  # pixels; a wider photo is drawn lower
MARGIN, GAP, TAG, BAR, HEADER = 28, 20, 20, 32, 64  # pixels: edge, between photos, digit, caption, title
INK, GREY, PAPER, PLAIN, EDGE = (31, 35, 40), (99, 108, 118), (255, 255, 255), (238, 240, 243), (0, 0, 0, 40)
RIGHT, WRONG = ((17, 99, 41), (221, 244, 226)), ((164, 14, 38), (255, 228, 226))  # text, background
LARGEST = 1600  # pixels: the longer side of an annotated copy
FAINT_SCORE = 0.2  # an unused box below this is noise, not a near miss
BOLD = 0.6  # pixels added on each side of a stroke
# Lines of the verdicts, each of points: pixels to the right of the left edge and above the baseline.
MARKS = {'✓': [[(1, 6), (5, 2), (13, 12)]], '✗': [[(2, 1), (12, 12)], [(2, 12), (12, 1)]]}
MAX_DIGITS = 12  # a longer number is cut in the caption


class Shot(NamedTuple):
    """A photo and what was read on it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        bboxes: (N, 4) xyxy in pixels of the photo; what lies outside of it is not drawn.
        scores: (N,) in 0..1.
        labels: (N,) the digit, 0..9.
        used: indices of the boxes that make up the number.
        number: '' where none was read.
        confidence: of the number, 0..1.
        truth: the true number, '' for a photo without one. Defaults to None, not known.
        remark: what stands in the place of the confidence. Defaults to None, the confidence does.
    """

    pixels: np.ndarray
    bboxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    used: np.ndarray
    number: str
    confidence: float
    truth: str | None = None
    remark: str | None = None

    @classmethod
    def take(
        cls, pixels: np.ndarray, image_id: int, detections: Detections, reading: Reading, truth: str | None = None
    ) -> 'Shot':
        """A photo with its share of `detections`; `reading.used` points into them, as `read_numbers` gives it."""
        rows = np.flatnonzero(detections.image_ids == image_id)
        xywh, used = detections.bboxes[rows], np.searchsorted(rows, reading.used)
        xyxy = xywh_to_xyxy(xywh)
        scores, labels = detections.scores[rows], detections.labels[rows]
        return cls(pixels, xyxy, scores, labels, used, reading.number, reading.confidence, truth)


class Tile(NamedTuple):
    """A photo scaled for the sheet; `bboxes` (N, 4) xyxy in pixels of `image`, `width` that of photo and caption."""

    image: Image.Image
    bboxes: np.ndarray
    shot: Shot
    width: int

    def faint(self) -> np.ndarray:
        """Indices of the boxes not used that are drawn."""
        return np.setdiff1d(np.flatnonzero(self.shot.scores >= FAINT_SCORE), self.shot.used)


def caption(shot: Shot) -> tuple[str, str, str]:
    """What stands below a photo: the number with its verdict, the truth where it differs, the confidence.

    Example:
        >>> pixels, none = np.zeros((9, 9, 3), np.uint8), np.zeros(0, np.int64)
        >>> caption(Shot(pixels, none, none, none, none, '183', 0.934, truth='1834'))
        ('✗ 183', '(true 1834)', '93 %')
    """
    number, truth = (
        (text[:MAX_DIGITS] + '…' if len(text) > MAX_DIGITS else text) or NO_NUMBER
        for text in (shot.number, shot.truth or '')
    )
    percent = f'{100 * shot.confidence:.0f} %' if shot.number else ''
    percent = percent if shot.remark is None else shot.remark
    if shot.truth is None:
        return number, '', percent
    if shot.number == shot.truth:
        return f'✓ {number}', '', percent
    return f'✗ {number}', f'(true {truth})', percent


@functools.lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # the font that Pillow carries; it has one weight


def _tile(shot: Shot, largest: tuple[int, int] = (MAX_WIDTH, PHOTO_HEIGHT)) -> Tile:
    height, width = shot.pixels.shape[:2]
    scale = min(largest[0] / width, largest[1] / height)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    image = Image.fromarray(shot.pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    bboxes = np.clip(shot.bboxes.reshape(-1, 4), 0, [width, height] * 2) * scale
    number, *others = caption(shot)
    text_width = _width_of(number) + _font(16).getlength(''.join(others)) + 44
    return Tile(image, bboxes, shot, max(image.width, round(text_width)))


def _draw_boxes(draw: ImageDraw.ImageDraw, tile: Tile, x: int, y: int) -> None:
    """Draw the boxes of a photo whose left top corner is at x, y: those not used thin, then those used with a tag."""
    shot, right, bottom = tile.shot, x + tile.image.width - 1, y + tile.image.height - 1
    corners = np.rint(tile.bboxes).astype(int) + np.array([x, y, x, y])
    lowest = np.array([right, bottom, right, bottom])  # a box of no area is still a line, inside the photo
    for i, used in [*((i, False) for i in tile.faint().tolist()), *((i, True) for i in shot.used.tolist())]:
        left, top, box_right, box_bottom = np.minimum(corners[i], lowest).tolist()
        colour, digit = PALETTE[shot.labels[i]], str(shot.labels[i])
        if not used:
            draw.rectangle((left, top, box_right, box_bottom), outline=(*colour, 170))
            continue
        draw.rectangle((left, top, box_right, box_bottom), outline=colour, width=3)
        width = min(max(box_right - left + 1, 12), 18)
        draw.rectangle((left, top - TAG + 2, left + width - 1, top + 1), fill=colour)
        ink = PAPER if np.dot(colour, (0.299, 0.587, 0.114)) < 140 else INK
        draw.text((left + width / 2, top - 3), digit, ink, _font(width - 2), anchor='ms', stroke_width=BOLD)


def _draw_caption(draw: ImageDraw.ImageDraw, tile: Tile, x: int, y: int) -> None:
    """Draw the caption of a photo; its left top corner is at x, y."""
    (number, truth, percent), font = caption(tile.shot), _font(16)
    colour, back = {'✓': RIGHT, '✗': WRONG}.get(number[0], (INK, PLAIN))
    left, right, baseline = x + 10, x + tile.width, y + BAR - 10
    draw.rectangle((x, y, right - 1, y + BAR - 1), fill=back)
    for line in MARKS.get(number[0], ()):
        draw.line([(left + dx, baseline - dy) for dx, dy in line], fill=colour, width=3, joint='curve')
    draw.text((left + _width_of(number), baseline), number.lstrip('✓✗ '), colour, _font(18), 'rs', stroke_width=BOLD)
    draw.text((left + 12 + _width_of(number), baseline), truth, INK, font, anchor='ls')
    draw.text((right - 10, baseline), percent, GREY, font, anchor='rs')


def _width_of(number: str) -> float:
    """Width in pixels of the first part of a caption; the font lacks ✓ and ✗, which are drawn as lines."""
    return _font(18).getlength(number.lstrip('✓✗ ')) + (20 if number[0] in MARKS else 0)


def contact_sheet(shots: Iterable[Shot], title: str, note: str = '') -> Image.Image:
    """An RGB image: photos of the same height in rows, their digits drawn in, the number read below each.

    A used box has its digit's colour from `PALETTE` and the digit above it; the others are thin, and are left out where
    their score is under FAINT_SCORE.

    Args:
        shots: at least one; each photo is scaled at once, so that a generator needs the memory of one.
        title: on top, bold.
        note: beside the title, grey. Defaults to ''.
    """
    tiles = [_tile(shot) for shot in shots]
    if any(tile.faint().size for tile in tiles):
        note = f'{note}   thin boxes: not used'.strip()
    rows = even_rows([tile.width + GAP for tile in tiles], ROW_WIDTH)
    ends = _font(25).getlength(title), _font(18).getlength(note)
    inner = max(round(sum(ends)) + GAP, *(sum(tiles[i].width + GAP for i in row) - GAP for row in rows))
    step = TAG + PHOTO_HEIGHT + BAR + GAP
    sheet = Image.new('RGB', (inner + 2 * MARGIN, HEADER + step * len(rows) + MARGIN - GAP), PAPER)
    draw = ImageDraw.Draw(sheet, 'RGBA')
    draw.text((MARGIN, 48), title, INK, _font(25), anchor='ls', stroke_width=BOLD)
    draw.text((MARGIN + GAP + ends[0], 48), note, GREY, _font(18), anchor='ls')
    for top, row in zip(range(HEADER + TAG, sheet.height, step), rows, strict=False):
        left = MARGIN
        for tile in (tiles[i] for i in row):
            bottom, right = top + PHOTO_HEIGHT, left + tile.width
            corner = left + (tile.width - tile.image.width) // 2, bottom - tile.image.height
            draw.rectangle((left, top, right - 1, bottom), fill=PLAIN)  # beside a narrow photo, above a wide one
            sheet.paste(tile.image, corner)
            _draw_caption(draw, tile, left, bottom)
            draw.rectangle((left, top, right - 1, bottom + BAR - 1), outline=EDGE)
            _draw_boxes(draw, tile, *corner)
            left = right + GAP
    return sheet


def annotated_copy(shot: Shot) -> Image.Image:
    """One photo, RGB, with its digits drawn in and the number below; a small one is enlarged."""
    height, width = shot.pixels.shape[:2]
    scale = max(1.0, PHOTO_HEIGHT / height)
    tile = _tile(shot, (min(round(width * scale), LARGEST), min(round(height * scale), LARGEST)))
    left, bottom = (tile.width - tile.image.width) // 2, TAG + tile.image.height
    sheet = Image.new('RGB', (tile.width, bottom + BAR), PAPER)
    draw = ImageDraw.Draw(sheet, 'RGBA')
    sheet.paste(tile.image, (left, TAG))
    _draw_caption(draw, tile, 0, bottom)
    _draw_boxes(draw, tile, left, TAG)
    return sheet
