"""Contact sheets and annotated copies of photos."""

import functools
import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..reading.numbers import Reading
from ..structures.detections import Detections
from ..structures.digits import NO_NUMBER, PALETTE
from ..structures.geometry import xywh_to_xyxy

PHOTO_HEIGHT, MAX_WIDTH, ROW_WIDTH = 120, 480, 1200  # pixels; a wider photo is drawn lower
MARGIN, GAP, TAG, BAR, HEADER = 28, 20, 20, 32, 64  # pixels: edge, between photos, digit, caption, title
INK, GREY, PAPER, PLAIN, EDGE = (31, 35, 40), (99, 108, 118), (255, 255, 255), (238, 240, 243), (0, 0, 0, 40)
RIGHT, WRONG = ((17, 99, 41), (221, 244, 226)), ((164, 14, 38), (255, 228, 226))  # text, background
LARGEST = 1600  # pixels: the longer side of an annotated copy
PIXELS_OF_UNIT = 400  # shorter side of a photo from which lines and text grow with the photo
FAINT_SCORE = 0.2  # an unused box with a lower score is noise
BOLD = 0.6  # pixels added on each side of a stroke
# Strokes of the marks, as points: pixels to the right of the left edge and above the baseline.
MARKS = {'✓': [[(1, 6), (5, 2), (13, 12)]], '✗': [[(2, 1), (12, 12)], [(2, 12), (12, 1)]]}
MAX_DIGITS = 12  # a longer number is cut in the caption


class Shot(NamedTuple):
    """Photo with its reading.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        bboxes: (N, 4) xyxy in pixels of the photo; clipped to the photo when drawn.
        scores, labels: (N,) in 0..1; (N,) the digit, 0..9.
        used: indices of the boxes of the number.
        number, confidence: '' for none; 0..1.
        truth: the ground-truth number, '' for none. Defaults to None, unknown.
        remark: text instead of the confidence. Defaults to None, the confidence.
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
        """Select the boxes of one photo from `detections`, which `reading.used` indexes."""
        rows = np.flatnonzero(detections.image_ids == image_id)
        own, used = detections[rows], np.searchsorted(rows, reading.used)
        boxes = xywh_to_xyxy(own.bboxes), own.scores, own.labels
        return cls(pixels, *boxes, used, reading.number, reading.confidence, truth)


class Tile(NamedTuple):
    """Photo scaled for the sheet: `bboxes` (N, 4) xyxy in pixels of `image`, `width` of photo and caption.

    Lines and text are `unit` times as large as on a contact sheet.
    """

    image: Image.Image
    bboxes: np.ndarray
    shot: Shot
    width: int
    unit: float = 1.0

    def faint(self) -> np.ndarray:
        """Return the indices of the unused boxes that are drawn."""
        return np.setdiff1d(np.flatnonzero(self.shot.scores >= FAINT_SCORE), self.shot.used)


def caption(shot: Shot) -> tuple[str, str, str]:
    """Return the caption of a photo: the number with its mark, the ground truth if it differs, the confidence.

    Example:
        >>> pixels, none = np.zeros((9, 9, 3), np.uint8), np.zeros(0, np.int64)
        >>> caption(Shot(pixels, none, none, none, none, '183', 0.934, truth='1834'))
        ('✗ 183', '(true 1834)', '93 %')
    """
    numbers = shot.number, shot.truth or ''
    number, truth = (text[:MAX_DIGITS] + '…' * (len(text) > MAX_DIGITS) or NO_NUMBER for text in numbers)
    percent = f'{100 * shot.confidence:.0f} %' if shot.number else ''
    remark = percent if shot.remark is None else shot.remark
    if shot.truth is None or shot.number == shot.truth:
        return number if shot.truth is None else f'✓ {number}', '', remark
    return f'✗ {number}', f'(true {truth})', remark


@functools.lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)  # Pillow's own font; it has one weight


def _tile(shot: Shot, largest: tuple[int, int] = (MAX_WIDTH, PHOTO_HEIGHT), unit: float = 1.0) -> Tile:
    height, width = shot.pixels.shape[:2]
    scale = min(largest[0] / width, largest[1] / height)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    image = Image.fromarray(shot.pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    bboxes = np.clip(shot.bboxes.reshape(-1, 4), 0, [width, height] * 2) * scale
    number, *others = caption(shot)
    text_width = _width_of(number, unit) + _font(round(16 * unit)).getlength(''.join(others)) + 44 * unit
    shot = shot._replace(pixels=np.asarray(image))  # the photo may be large
    return Tile(image, bboxes, shot, max(image.width, round(text_width)), unit)


def _draw_boxes(draw: ImageDraw.ImageDraw, tile: Tile, x: int, y: int) -> None:
    """Draw the boxes of a photo at x, y (left top corner): unused ones thin, then used ones with a tag.

    Lines and tags grow with the unit of the tile, up to a sixth of the width of the digit and its width.
    """
    shot, right, bottom = tile.shot, x + tile.image.width - 1, y + tile.image.height - 1
    corners = np.rint(tile.bboxes).astype(int) + np.array([x, y, x, y])
    lowest = np.array([right, bottom, right, bottom])  # a box without area is still a line, inside the photo
    for i, used in [*((i, False) for i in tile.faint().tolist()), *((i, True) for i in shot.used.tolist())]:
        left, top, box_right, box_bottom = np.minimum(corners[i], lowest).tolist()
        colour, digit = PALETTE[shot.labels[i]], str(shot.labels[i])
        if not used:
            draw.rectangle((left, top, box_right, box_bottom), outline=(*colour, 170), width=max(1, round(tile.unit)))
            continue
        box_width = box_right - left + 1
        line = max(3, round(min(3 * tile.unit, box_width / 6)))
        draw.rectangle((left, top, box_right, box_bottom), outline=colour, width=line)
        unit = min(max(box_width / 18, 1), tile.unit)
        width, height = round(min(max(box_width, 12), 18 * unit)), round((TAG - 2) * unit)
        draw.rectangle((left, top - height, left + width - 1, top + 1), fill=colour)
        ink = PAPER if np.dot(colour, (0.299, 0.587, 0.114)) < 140 else INK
        font, baseline = _font(round(width - 2 * unit)), top - 3 * unit
        draw.text((left + width / 2, baseline), digit, ink, font, anchor='ms', stroke_width=BOLD * unit)


def _draw_caption(draw: ImageDraw.ImageDraw, tile: Tile, x: int, y: int) -> None:
    """Draw the caption of a photo at x, y (left top corner)."""
    unit = tile.unit
    (number, truth, percent), font = caption(tile.shot), _font(round(16 * unit))
    colour, back = {'✓': RIGHT, '✗': WRONG}.get(number[0], (INK, PLAIN))
    left, right, bar = x + 10 * unit, x + tile.width, round(BAR * unit)
    baseline, end = y + bar - 10 * unit, left + _width_of(number, unit)
    draw.rectangle((x, y, right - 1, y + bar - 1), fill=back)
    for line in MARKS.get(number[0], ()):
        points = [(left + dx * unit, baseline - dy * unit) for dx, dy in line]
        draw.line(points, fill=colour, width=round(3 * unit), joint='curve')
    bold = BOLD * unit
    draw.text((end, baseline), number.lstrip('✓✗ '), colour, _font(round(18 * unit)), 'rs', stroke_width=bold)
    draw.text((end + 12 * unit, baseline), truth, INK, font, anchor='ls')
    draw.text((right - 10 * unit, baseline), percent, GREY, font, anchor='rs')


def _width_of(number: str, unit: float = 1.0) -> float:
    """Return the width in pixels of the first part of a caption; ✓ and ✗ are strokes, as the font lacks them."""
    mark = 20 * unit if number[0] in MARKS else 0
    return _font(round(18 * unit)).getlength(number.lstrip('✓✗ ')) + mark


def evenly_spaced(total: int, count: int) -> list[int]:
    """Return the indices of min(count, total) evenly spaced items of `total`: [1, 4, 7] for (9, 3)."""
    count = min(count, total)
    return [(2 * i + 1) * total // (2 * count) for i in range(count)]


def even_rows(widths: Sequence[int], row_width: int) -> list[list[int]]:
    """Cut a sequence into rows of about the same width; return the indices of each row.

    The line of all items is cut into equal parts of at most `row_width` pixels; the centre of an item gives its row.
    """
    count = math.ceil(sum(widths) / row_width)
    middles = [end - width / 2 for end, width in zip(accumulate(widths), widths, strict=True)]
    row_of = [int(middle * count / sum(widths)) for middle in middles]
    return [list(row) for _, row in groupby(range(len(widths)), key=row_of.__getitem__)]


def contact_sheet(shots: Iterable[Shot], title: str, note: str = '') -> Image.Image:
    """Draw at least one photo in rows, as an RGB image, with boxes and captions.

    A used box has its digit's colour in `PALETTE` and the digit above it. Unused boxes from a score of FAINT_SCORE are
    thin. The title is bold, the note beside it grey. With a generator of shots the memory holds one photo.
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
            draw.rectangle((left, top, right - 1, bottom), fill=PLAIN)  # beside or above the photo
            sheet.paste(tile.image, corner)
            _draw_caption(draw, tile, left, bottom)
            draw.rectangle((left, top, right - 1, bottom + BAR - 1), outline=EDGE)
            _draw_boxes(draw, tile, *corner)
            left = right + GAP
    return sheet


def annotated_copy(shot: Shot, longest: int = LARGEST) -> Image.Image:
    """Draw one photo, as an RGB image, with its boxes and caption; lines and text grow with the photo.

    Small photos are enlarged, those with a side of more than `longest` pixels are reduced.
    """
    height, width = shot.pixels.shape[:2]
    scale = max(1.0, PHOTO_HEIGHT / height)
    largest = min(round(width * scale), longest), min(round(height * scale), longest)
    shorter = min(largest[0] / width, largest[1] / height) * min(width, height)
    unit = max(1.0, shorter / PIXELS_OF_UNIT)
    tile, tag, bar = _tile(shot, largest, unit), round(TAG * unit), round(BAR * unit)
    left, bottom = (tile.width - tile.image.width) // 2, tag + tile.image.height
    sheet = Image.new('RGB', (tile.width, bottom + bar), PAPER)
    draw = ImageDraw.Draw(sheet, 'RGBA')
    sheet.paste(tile.image, (left, tag))
    _draw_caption(draw, tile, 0, bottom)
    _draw_boxes(draw, tile, left, tag)
    return sheet
