"""Checks of boxes against one another and against their photos, for every label format."""

import os
from collections.abc import Callable, Sequence

import numpy as np

from ..structures.annotations import DigitAnnotations
from ..structures.geometry import ious, left_to_right, pairs_of_a_group, xywh_to_xyxy
from ..structures.photos import stored_size
from ..utils.messages import one_line

OVERLAP = 0.5  # IoU of two boxes, or share of the smaller one, above which they may be of one digit
INSIDE = 0.8
NAMES = 5  # names that a note lists
CORNERS = 0.95  # share of boxes that make sense as corners, if all of a file are corners
REACH_OVER = 0.3  # share of boxes over the edge of their photo that shows that they are not xywh
OVER_EDGE = 0.02  # of a side of the photo


def other_form(bboxes: np.ndarray, sizes: np.ndarray, photos: np.ndarray) -> str | None:
    """Return the form of boxes that are not xywh in pixels, or None.

    Boxes are taken for corners if nearly all make sense as such, and as xywh many reach over the edges of their photos
    or most pairs of a photo overlap.

    Args:
        bboxes: (K, 4) as in the file.
        sizes: (K, 2) width and height in pixels of the photo of each box.
        photos: (K,) the photo of each box, a number.
    """
    if len(bboxes) < 2:
        return None
    near, far = bboxes[:, :2], bboxes[:, 2:]
    if (bboxes >= 0).all() and (bboxes <= 1).all():
        return 'shares of the sides of the photo'
    if ((far > near) & (far <= sizes + 1)).all(axis=1).mean() < CORNERS:
        return None
    over = (near + far > sizes + np.maximum(1, OVER_EDGE * sizes)).any(axis=1)
    one, other = _pairs(photos)
    as_xywh, as_corners = (_overlaps(boxes, one, other) for boxes in (xywh_to_xyxy(bboxes), bboxes))
    crossed = (as_xywh > OVERLAP / 2) & (as_corners < OVERLAP / 4)
    if over.mean() >= REACH_OVER or (len(one) > 1 and crossed.mean() > 0.5):
        return 'x_min y_min x_max y_max'
    return None


def upright_photos(
    listed: Sequence[tuple[int, int] | None],
    actual: np.ndarray,
    paths: Sequence[str | os.PathLike],
    bboxes_of: Callable[[int], np.ndarray],
) -> set[int]:
    """Find the photos whose labels have the stored sides, but boxes in the photo as its EXIF orientation turns it.

    Label Studio and others write such labels for upright phone photos. A box in any of these photos that lies in the
    stored photo alone shows that the tool did not turn them, and none is returned.

    Args:
        listed: width and height in pixels of M photos by their labels, None if unknown.
        actual: (M, 2) width and height in pixels of the photos as turned.
        paths: M files.
        bboxes_of: returns the boxes (K, 4) of a photo by its index, xywh in pixels.

    Returns:
        Indices of photos.
    """
    sides = list(map(tuple, actual.tolist()))
    swapped = {
        i
        for i, (size, real) in enumerate(zip(listed, sides, strict=True))
        if size and size != real and size == real[::-1] and stored_size(paths[i]) == size
    }
    for i in swapped:
        starts, ends = np.split(xywh_to_xyxy(bboxes_of(i)), 2, axis=1)
        turned, stored = ((ends.clip(0, side) - starts.clip(0, side)).prod(axis=1) for side in (sides[i], listed[i]))
        if (turned < stored).any():
            return set()
    return swapped


def truth_notes(truth: DigitAnnotations) -> list[str]:
    """Return notes on photos whose digits lie on one another, or are not in one row; a line each, with names.

    Ground-truth numbers are read from left to right, by row where digits stand above one another.
    """
    counted = np.flatnonzero(~truth.iscrowd)
    order = counted[left_to_right(truth.bboxes[counted, 0], truth.bboxes[counted, 2])]
    order = order[np.argsort(truth.box_image_ids[order], kind='stable')]  # by photo, then from left to right
    photos, xyxy = truth.box_image_ids[order], xywh_to_xyxy(truth.bboxes[order])
    one, other = _pairs(photos)
    twice = _overlaps(xyxy, one, other) > OVERLAP
    shared = np.minimum(xyxy[one, 2:], xyxy[other, 2:]) - np.maximum(xyxy[one, :2], xyxy[other, :2])
    sides = np.minimum(xyxy[one, 2:] - xyxy[one, :2], xyxy[other, 2:] - xyxy[other, :2])
    share = shared / sides  # (P, 2) of the narrower width and of the lower height
    above = (share[:, 0] > 0.5) & (share[:, 1] < 0.5) | (other == one + 1) & (share[:, 1] <= 0)
    names = dict(zip(truth.image_ids.tolist(), truth.file_names, strict=True))
    kinds = (
        (twice, 'digits that lie on one another, perhaps boxed twice'),
        (above & ~twice, 'digits above one another: its number is read by row, from left to right'),
    )
    notes = []
    for found, kind in kinds:
        if hit := dict.fromkeys(photos[one[found]].tolist()):
            shown = ', '.join(one_line(names[image_id]) for image_id in list(hit)[:NAMES])
            more = f' and {len(hit) - NAMES} more' if len(hit) > NAMES else ''
            notes.append(f'{len(hit)} × photo with {kind}; first: {shown}{more}')
    return notes


def _pairs(photos: np.ndarray) -> np.ndarray:
    """Return (2, P) indices of the pairs of boxes of a photo, the lower index first; photos (K,)."""
    order = np.argsort(photos, kind='stable')
    one, other = pairs_of_a_group(photos, photos[order])
    other = order[other]
    return np.stack([one, other])[:, one < other]


def _overlaps(xyxy: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return (P,) the IoU of pairs of boxes, or the share of the smaller one inside the other, scaled to OVERLAP."""
    some, others = xyxy[one], xyxy[other]
    shared = (np.minimum(some[:, 2:], others[:, 2:]) - np.maximum(some[:, :2], others[:, :2])).clip(0).prod(axis=1)
    least = np.minimum(*((boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1) for boxes in (some, others)))
    return np.maximum(ious(some, others), shared / np.maximum(least, 1e-9) * (OVERLAP / INSIDE))
