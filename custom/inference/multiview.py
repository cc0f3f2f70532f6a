"""Test-time augmentation without mirroring: several scales of a photo, then crops around its number, fused."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ..reading.fusion import MAX_BOXES, Boxes, fuse_boxes
from ..reading.second_look import Region, look_closer, number_region


class View(NamedTuple):
    """A photo, or a crop of one, at the size at which a detector gets it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB.
        scale: pixels of the view in one pixel of the photo, along x and y.
    """

    pixels: np.ndarray
    scale: tuple[float, float]


class Detector(Protocol):
    """A model that finds digits on photos, whatever library runs it."""

    def detect(self, views: Sequence[View]) -> list[Boxes]:
        """Find the digits in each view.

        Args:
            views: a batch, at least one, of any sizes.

        Returns:
            For each view, boxes (N, 4) xyxy float32 in pixels of the photo (pixels of the view divided by its scale,
            from the view's left top corner), scores (N,) float32 in 0..1 and labels (N,), the digit.
        """


@dataclasses.dataclass(frozen=True)
class MultiView:
    """Several views of a photo for a detector, and the fusion of its boxes by `fuse_boxes`.

    The first views are the photo at several scales. Then the crop around the number (`custom.reading.second_look`) is
    scaled so that its digits have each of `digit_heights`. A photo without a number has no crop. Boxes outside the crop
    are scored by the first views alone.

    Args:
        digit_heights: of the crops, in pixels. Defaults to (), no crops.
        iou_thr: boxes of one digit are fused when their IoU is above this. Defaults to 0.6.
        score_thr: boxes whose score in a view is less are left out. Defaults to 0.0.
        max_per_img: number of boxes kept on a photo. Defaults to 100.
    """

    digit_heights: Sequence[float] = ()
    iou_thr: float = 0.6
    score_thr: float = 0.0
    max_per_img: int = MAX_BOXES

    def detect(self, detector: Detector, photos: Sequence[Sequence[View]]) -> list[Boxes]:
        """Find the digits on each photo of a batch.

        Args:
            detector: gets the batch once for each view.
            photos: the first views of each photo, as many for each. With `digit_heights` one more follows, from which
                the crops are cut; the detector does not get it.

        Returns:
            For each photo, boxes (N, 4) xyxy float32 in its pixels, scores (N,) float32 and labels (N,), best first.
        """
        views = list(zip(*photos, strict=True))
        whole = views.pop() if self.digit_heights else ()
        found = [list(boxes) for boxes in zip(*map(detector.detect, views), strict=True)]
        regions = {i: region for i, photo in enumerate(whole) if (region := self._region(photo, found[i]))}
        corners = {i: np.array(region.xyxy) / np.tile(whole[i].scale, 2) for i, region in regions.items()}
        for height in self.digit_heights if regions else ():
            crops = [_crop(whole[i], region, height) for i, region in regions.items()]
            for i, (bboxes, scores, labels) in zip(regions, detector.detect(crops), strict=True):
                shift = np.tile(corners[i][:2], 2).astype(np.float32)
                found[i].append((bboxes + shift, scores, labels))
        fused = []
        for i, boxes in enumerate(found):
            bboxes, scores, labels = self._fuse(boxes)
            one = bboxes.astype(np.float32), scores.astype(np.float32), labels
            fused.append(raise_outside(one, corners[i], len(boxes) / len(views)) if i in corners else one)
        return fused

    def _fuse(self, boxes: Sequence[Boxes]) -> Boxes:
        return fuse_boxes(boxes, None, self.iou_thr, self.score_thr, self.max_per_img)

    def _region(self, photo: View, boxes: Sequence[Boxes]) -> Region | None:
        """Find where the number is, in pixels of the view."""
        bboxes, scores, labels = self._fuse(boxes)
        height, width = photo.pixels.shape[:2]
        return number_region(bboxes * np.tile(photo.scale, 2), scores, labels, (width, height))


def _crop(photo: View, region: Region, digit_height: float) -> View:
    pixels = look_closer(photo.pixels, region, digit_height)
    left, top, right, bottom = region.xyxy
    x, y = np.array(pixels.shape[1::-1]) / (right - left, bottom - top) * photo.scale
    return View(pixels, (x, y))


def raise_outside(boxes: Boxes, corners: np.ndarray, factor: float) -> Boxes:
    """Undo the division by the number of all views where boxes can be in the first ones alone.

    Args:
        boxes: fused boxes of one photo.
        corners: (4,) xyxy of the crops, in pixels of the boxes.
        factor: number of all views divided by the number of the first ones.

    Returns:
        The boxes, best score first; those whose centre is outside the crops have `factor` times their score, at most 1.
    """
    bboxes, scores, labels = boxes
    low, high = np.split(corners.astype(np.float32), 2)
    centres = (bboxes[:, :2] + bboxes[:, 2:]) / 2
    outside = ((centres < low) | (centres > high)).any(axis=1)
    scores = np.where(outside, (scores * factor).clip(max=1), scores)
    best = np.argsort(-scores, kind='stable')
    return bboxes[best], scores[best], labels[best]
