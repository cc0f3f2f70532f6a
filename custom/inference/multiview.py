"""Search over scale: views of a photo from coarse to fine, crops around its numbers, and fusion of the boxes."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ..reading.crops import BESIDE, Region, find_regions, scaled_crop
from ..reading.fusion import MAX_BOXES, Boxes, fuse_boxes
from ..structures.resize import fit, shrink

PHOTO_PIXELS = 6_000_000  # larger photos are reduced by a whole factor before the search
VIEW_PIXELS = 1_300_000  # of the finest view; about 0.3 s on two cores with the light model
TILE_PIXELS = 350_000  # a larger view is cut into tiles: each takes 40 MB in the light model, and each core takes one
OVERLAP = 1.2  # of neighbouring tiles, in heights of the detector's input: digits that count are whole in one of them
BATCH_PIXELS = VIEW_PIXELS  # of the views in one call of the detector, padded to one size; memory grows with them
MAGNIFICATION = 2.0  # of the finer views at most: interpolated pixels show nothing new
STEP = 1.1  # scales closer than this to one another are one view
SURE, ALONE = 0.7, 0.9  # scores of digits that end the search, and of a single one: letters and posts look like it
REGIONS = 4  # regions of a photo with crops
# Heights of a digit in a view, in heights of the detector's input, between which its box counts in full, and those at
# which it counts no more: 10, 18, 60 and 75 px of 80.
HEIGHTS = (0.125, 0.225, 0.75, 0.94)
LEAST_WEIGHT = 0.02  # of a box of any height, which counts where no view shows the digit better
LOW_SCORE = 0.05  # boxes with a lower score are of no use to the search
EDGE = 2.0  # pixels of a crop: boxes so close to its edge are of digits cut by it


class View(NamedTuple):
    """Resized photo or crop, (H, W, 3) uint8 RGB; `scale` (x, y) is its pixels per pixel of the photo."""

    pixels: np.ndarray
    scale: tuple[float, float]


class Detector(Protocol):
    """Digit detector of any library."""

    def detect(self, views: Sequence[View]) -> list[Boxes]:
        """Detect the digits in each view of a batch of at least one, of any sizes.

        Boxes (N, 4) are xyxy float32 in pixels of the view divided by its scale. Scores (N,) are float32 in 0..1.
        """


def view_of_photo(pixels: np.ndarray) -> View:
    """Make the view from which the search cuts its views: the photo (H, W, 3), uint8 RGB, of at most PHOTO_PIXELS.

    A larger photo is reduced by a whole factor, which takes a tenth of the time of other factors.
    """
    factor = math.ceil(math.sqrt(pixels.shape[0] * pixels.shape[1] / PHOTO_PIXELS))
    factor = min(factor, *pixels.shape[:2])
    return View(shrink(pixels, factor) if factor > 1 else pixels, (1 / factor, 1 / factor))


def padded_alike(shapes: Sequence[tuple[int, int]], divisor: int, most: int) -> list[list[int]]:
    """Group images that a detector pads to one size, so that the boxes of an image do not depend on its batch.

    A group has TILE_PIXELS at most, or one image.

    Args:
        shapes: height and width of each image, in pixels.
        divisor: images are padded to multiples of this, in pixels.
        most: images in a group; 0: any number.

    Returns:
        The indices of the images of each group, the widest group first.

    Example:
        >>> padded_alike([(30, 50), (20, 90), (25, 60), (32, 64)], 32, 2)
        [[1], [0, 2], [3]]
    """
    padded: dict[tuple[int, int], list[int]] = {}
    for i, (height, width) in enumerate(shapes):
        padded.setdefault((-(-width // divisor), -(-height // divisor)), []).append(i)
    groups: list[list[int]] = []
    for (across, down), own in sorted(padded.items(), reverse=True):
        step = max(TILE_PIXELS // (across * down * divisor**2), 1)
        step = min(step, most) if most else step
        groups += [own[i : i + step] for i in range(0, len(own), step)]
    return groups


class _Look(NamedTuple):
    """A view that the detector has seen, and the boxes in pixels of the photo."""

    xyxy: np.ndarray  # (4,) its part of the photo, in pixels
    scale: tuple[float, float]
    edges: np.ndarray  # (4,) bool, sides that are not sides of the photo
    boxes: Boxes

    def shows(self, bboxes: np.ndarray) -> np.ndarray:
        """Return (N,) bool: the box (N, 4), xyxy in pixels of the photo, is in the view and not cut by its edges.

        A side of the photo is no limit: the mean of boxes that end there may be beyond it by a rounding error.
        """
        margin = EDGE / np.tile(self.scale, 2)
        low = np.where(self.edges[:2], self.xyxy[:2] + margin[:2], -np.inf)
        high = np.where(self.edges[2:], self.xyxy[2:] - margin[2:], np.inf)
        return np.all(bboxes[:, :2] >= low, axis=1) & np.all(bboxes[:, 2:] <= high, axis=1)


@dataclasses.dataclass(eq=False)
class _Progress:
    """State of the search in one photo; `found` are the boxes fused so far."""

    photo: View
    factors: list[float]  # of the views of the whole photo that are left, in pixels per pixel of the photo
    looks: list[_Look] = dataclasses.field(default_factory=list)
    regions: list[Region] = dataclasses.field(default_factory=list)

    @property
    def limits(self) -> np.ndarray:
        """Width and height of the photo in pixels, twice."""
        return np.tile(self.photo.pixels.shape[1::-1] / np.array(self.photo.scale), 2)


@dataclasses.dataclass(frozen=True)
class MultiView:
    """Search for digits over the scales of a photo.

    1. The detector sees the whole photo at the first of the `scales`, then at finer ones. The search in a photo ends
       when its best region (`find_regions`) has clear digits only. A clear digit scores SURE or more, a single one
       ALONE, and is in the view at least as high as digits that count in full (HEIGHTS). Finer views magnify the photo
       at most by MAGNIFICATION, and have VIEW_PIXELS at most. A view of more than TILE_PIXELS is cut into tiles that
       overlap.
    2. Crops of the best REGIONS regions are scaled to each of `digit_heights`. Where no view has shown the digits well,
       the crop is wider, since the first or the last digit may be missing.
    3. The boxes of all views are fused (`fuse_boxes`). Each box has a weight for its height in its view (HEIGHTS). A
       score is the weighted mean over the views that show the box. A view in which the digit is far too small or too
       large, or that does not show its place, therefore changes neither score nor box.

    Args:
        size: longest and shortest side in pixels of the detector's input.
        scales: of the views of the whole photo, ascending, relative to the largest view that fits into `size`. Defaults
            to (1,).
        digit_heights: of the crops, in pixels. Defaults to (), no crops.
        iou_thr: boxes of one label are fused if their IoU is above this. Defaults to 0.6.
        score_thr: boxes with a lower score in a view are dropped. Defaults to 0.0.
        max_per_img: number of boxes kept per image. Defaults to 100.
    """

    size: tuple[int, int]
    scales: Sequence[float] = (1,)
    digit_heights: Sequence[float] = ()
    iou_thr: float = 0.6
    score_thr: float = 0.0
    max_per_img: int = MAX_BOXES

    def detect(self, detector: Detector, photos: Sequence[View]) -> list[Boxes]:
        """Detect the digits on each photo of a batch.

        Args:
            detector: called with views of several photos, at most once with each.
            photos: whole photos, as of `view_of_photo`.

        Returns:
            For each photo, boxes (N, 4) xyxy float32 in its pixels, scores (N,) float32 and labels (N,), best first.
        """
        states = [_Progress(photo, self._factors(photo)) for photo in photos]
        active = states
        while active := [state for state in active if state.factors]:
            wholes = [(state, _whole(state.photo, state.factors.pop(0))) for state in active]
            overlap = round(OVERLAP * min(self.size))
            _look(detector, [(state, *tile) for state, view in wholes for tile in _tiles(view, overlap)])
            for state in active:
                if state.factors or self.digit_heights:
                    bboxes, scores, _ = self._fuse(state.looks, LOW_SCORE)
                    state.regions = find_regions(bboxes, scores, REGIONS)
                    if self._ends(state):
                        state.factors.clear()
        _look(detector, [(state, *crop) for state in states for crop in self._crops(state)])
        fused = [(state, *self._fuse(state.looks, self.score_thr)) for state in states]
        return [
            (bboxes.clip(0, state.limits).astype(np.float32), scores.astype(np.float32), labels)
            for state, bboxes, scores, labels in fused
        ]

    def _factors(self, photo: View) -> list[float]:
        """Return the scales of the views of a whole photo, ascending, in pixels per pixel of the photo."""
        sides = sorted(side / scale for side, scale in zip(photo.pixels.shape[1::-1], photo.scale, strict=True))
        base = min(max(self.size) / sides[1], min(self.size) / sides[0])
        finest = min(MAGNIFICATION, math.sqrt(VIEW_PIXELS / (sides[0] * sides[1])))
        factors = [base * self.scales[0]]
        for scale in self.scales[1:]:
            factor = min(base * scale, finest)
            if factor > STEP * factors[-1]:
                factors.append(factor)
        return factors

    def _weights(self, bboxes: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
        """Return the weights (N,) of boxes (N, 4), xyxy in pixels of the photo, in a view of a scale."""
        heights = np.log(np.maximum((bboxes[:, 3] - bboxes[:, 1]) * scale[1] / min(self.size), 1e-6))
        return np.interp(heights, np.log(HEIGHTS), (LEAST_WEIGHT, 1, 1, LEAST_WEIGHT))

    def _fuse(self, looks: Sequence[_Look], score_thr: float) -> Boxes:
        weighted = []
        for look in looks:
            bboxes, scores, labels = look.boxes
            kept = (scores >= score_thr) & look.shows(bboxes)
            bboxes = bboxes[kept].astype(np.float64)
            weighted.append((bboxes, scores[kept] * self._weights(bboxes, look.scale), labels[kept]))
        bboxes, scores, labels = fuse_boxes(weighted, None, self.iou_thr, 0.0, self.max_per_img)
        # `fuse_boxes` has divided the weighted sum of the scores by the number of views.
        total = sum((self._weights(bboxes, look.scale) * look.shows(bboxes) for look in looks), np.zeros(len(scores)))
        scores = (scores * len(looks) / np.maximum(total, LEAST_WEIGHT)).clip(max=1)
        best = np.argsort(-scores, kind='stable')
        return bboxes[best], scores[best], labels[best]

    def _ends(self, state: _Progress) -> bool:
        if not state.regions:
            return False
        best = state.regions[0]
        height = best.digit_height * state.looks[-1].scale[1]
        sure = SURE if best.digits > 1 else ALONE
        return best.least_score >= sure and height >= HEIGHTS[1] * min(self.size)

    def _crops(self, state: _Progress) -> Iterator[tuple[View, np.ndarray]]:
        """Cut and scale the crops of a photo; yield each with its xyxy (4,) in pixels of the photo."""
        photo = state.photo
        to_view = np.tile(photo.scale, 2)
        for region in state.regions if self.digit_heights else ():
            unclear = region.digit_height * state.looks[-1].scale[1] < HEIGHTS[1] * min(self.size)
            xyxy = np.array(region.with_margin(2 * BESIDE if unclear else BESIDE)) * to_view
            limits = np.tile(photo.pixels.shape[1::-1], 2)
            low, high = np.floor(xyxy[:2]).clip(0), np.minimum(np.ceil(xyxy[2:]), limits[2:])
            if (high - low < 1).any():
                continue
            corners = (*low.astype(int).tolist(), *high.astype(int).tolist())
            for height in self.digit_heights:
                pixels = scaled_crop(photo.pixels, corners, region.digit_height * photo.scale[1], height)
                x, y = np.array(pixels.shape[1::-1]) / (high - low) * photo.scale
                yield View(pixels, (x, y)), np.array(corners) / to_view


def _whole(photo: View, factor: float) -> View:
    """Resize a photo to `factor` pixels per pixel of the photo."""
    sides = np.array(photo.pixels.shape[1::-1])
    width, height = (int(side) for side in np.maximum(np.round(sides * factor / photo.scale), 1))
    x, y = np.array([width, height]) / sides * photo.scale
    return View(fit(photo.pixels, width, height), (x, y))


def _tiles(view: View, overlap: int) -> Iterator[tuple[View, np.ndarray]]:
    """Cut a view of a photo into tiles; yield each with its xyxy (4,) in pixels of the photo.

    A tile has TILE_PIXELS at most, or sides of at most twice the overlap, in pixels.
    """
    shape, counts = view.pixels.shape[:2], [1, 1]

    def sides() -> list[int]:
        return [math.ceil((side + overlap * (count - 1)) / count) for side, count in zip(shape, counts, strict=True)]

    while math.prod(sides()) > TILE_PIXELS and max(sides()) > 2 * overlap:
        counts[int(np.argmax(sides()))] += 1
    height, width = sides()
    tops, lefts = (
        np.linspace(0, side - part, count).round().astype(int).tolist()
        for side, part, count in zip(shape, (height, width), counts, strict=True)
    )
    for top in tops:
        for left in lefts:
            xyxy = np.array([left, top, left + width, top + height]) / np.tile(view.scale, 2)
            yield View(view.pixels[top : top + height, left : left + width], view.scale), xyxy


def _look(detector: Detector, parts: Sequence[tuple[_Progress, View, np.ndarray]]) -> None:
    """Detect in views of parts of photos, each with its xyxy (4,) in pixels of the photo; append to the looks."""
    found = _in_batches(detector, [view for _, view, _ in parts])
    for (state, view, xyxy), (bboxes, scores, labels) in zip(parts, found, strict=True):
        boxes = bboxes + np.tile(xyxy[:2], 2).astype(np.float32), scores, labels
        edges = abs(xyxy - state.limits * (0, 0, 1, 1)) > 1e-6 * state.limits
        state.looks.append(_Look(xyxy, view.scale, edges, boxes))


def _in_batches(detector: Detector, views: Sequence[View]) -> list[Boxes]:
    """Detect in views of similar size together; a batch has BATCH_PIXELS at most, or one view."""
    boxes: dict[int, Boxes] = {}
    batch: list[int] = []
    sides = [0, 0]

    def end() -> None:
        boxes.update(zip(batch, detector.detect([views[i] for i in batch]), strict=True) if batch else ())

    for i in sorted(range(len(views)), key=lambda i: views[i].pixels.shape[1::-1]):
        wider = [max(pair) for pair in zip(sides, views[i].pixels.shape, strict=False)]
        if wider[0] * wider[1] * (len(batch) + 1) > BATCH_PIXELS:
            end()
            batch, wider = [], list(views[i].pixels.shape[:2])
        batch.append(i)
        sides = wider
    end()
    return [boxes[i] for i in range(len(views))]
