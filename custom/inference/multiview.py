"""Test-time augmentation without mirroring: several scales of a photo, then crops around its number, fused."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ..reading.crops import Region, number_region, scaled_crop
from ..reading.fusion import MAX_BOXES, Boxes, fuse_boxes


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


@dataclasses.dataclass(frozen=True)
class MultiView:
    """Detection in several views of a photo, and fusion of the boxes by `fuse_boxes`.

    The first views are the photo at several scales. Then the crop around the number (`custom.reading.crops`) is scaled
    to each of `digit_heights`. A photo without a number has no crop. Boxes outside the crop are scored by the first
    views alone.

    Args:
        digit_heights: of the crops, in pixels. Defaults to (), no crops.
        iou_thr: boxes of one label are fused if their IoU is above this. Defaults to 0.6.
        score_thr: boxes with a lower score in a view are dropped. Defaults to 0.0.
        max_per_img: number of boxes kept per image. Defaults to 100.
    """

    digit_heights: Sequence[float] = ()
    iou_thr: float = 0.6
    score_thr: float = 0.0
    max_per_img: int = MAX_BOXES

    def detect(self, detector: Detector, photos: Sequence[Sequence[View]]) -> list[Boxes]:
        """Detect the digits on each photo of a batch.

        Args:
            detector: called with the batch once per view.
            photos: the first views of each photo, the same number for each. With `digit_heights` one more follows, of
                which only crops go to the detector.

        Returns:
            For each photo, boxes (N, 4) xyxy float32 in its pixels, scores (N,) float32 and labels (N,), best first.
        """
        views = list(zip(*photos, strict=True))
        whole = views.pop() if self.digit_heights else ()
        detections = [list(boxes) for boxes in zip(*map(detector.detect, views), strict=True)]
        regions = {i: region for i, photo in enumerate(whole) if (region := self._region(photo, detections[i]))}
        corners = {i: np.array(region.xyxy) / np.tile(whole[i].scale, 2) for i, region in regions.items()}
        for height in self.digit_heights if regions else ():
            crops = [_crop(whole[i], region, height) for i, region in regions.items()]
            for i, (bboxes, scores, labels) in zip(regions, detector.detect(crops), strict=True):
                shift = np.tile(corners[i][:2], 2).astype(np.float32)
                detections[i].append((bboxes + shift, scores, labels))
        fused = []
        for i, boxes in enumerate(detections):
            bboxes, scores, labels = self._fuse(boxes)
            one = bboxes.astype(np.float32), scores.astype(np.float32), labels
            fused.append(raise_outside(one, corners[i], len(boxes) / len(views)) if i in corners else one)
        return fused

    def _fuse(self, boxes: Sequence[Boxes]) -> Boxes:
        return fuse_boxes(boxes, None, self.iou_thr, self.score_thr, self.max_per_img)

    def _region(self, photo: View, boxes: Sequence[Boxes]) -> Region | None:
        """Find the region of the number, in pixels of the view."""
        bboxes, scores, labels = self._fuse(boxes)
        height, width = photo.pixels.shape[:2]
        return number_region(bboxes * np.tile(photo.scale, 2), scores, labels, (width, height))


def _crop(photo: View, region: Region, digit_height: float) -> View:
    pixels = scaled_crop(photo.pixels, region, digit_height)
    left, top, right, bottom = region.xyxy
    x, y = np.array(pixels.shape[1::-1]) / (right - left, bottom - top) * photo.scale
    return View(pixels, (x, y))


def raise_outside(boxes: Boxes, corners: np.ndarray, factor: float) -> Boxes:
    """Rescale the scores of boxes that only the first views can show: their mean is over all views.

    Args:
        boxes: fused boxes of one photo.
        corners: (4,) xyxy of the crops, in pixels of the boxes.
        factor: number of all views divided by the number of the first ones.

    Returns:
        The boxes, best first. The score is multiplied by `factor`, at most 1, if the centre is outside the crops.
    """
    bboxes, scores, labels = boxes
    low, high = np.split(corners.astype(np.float32), 2)
    centres = (bboxes[:, :2] + bboxes[:, 2:]) / 2
    outside = ((centres < low) | (centres > high)).any(axis=1)
    scores = np.where(outside, (scores * factor).clip(max=1), scores)
    best = np.argsort(-scores, kind='stable')
    return bboxes[best], scores[best], labels[best]
