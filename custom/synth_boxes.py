"""The boxes that a person would draw around a number's digits, after those of SVHN."""

import numpy as np

# People leave a little room around a digit. On the 137 digits of 200 SVHN training photos whose ink could be told from
# its ground the room was, at the median: left 0.064, top 0.086, right 0.045, bottom 0.064 of the box's height.
# Here in heights of the ink, a little less, since the ink that stands apart has more room than the rest.
ROOM = (0.065, 0.085, 0.05, 0.065)
# Box widths of one number differ from their usual ratio by 15 % there; most of that is chance, so less is drawn.
JITTER = 0.015  # standard deviation of an edge's place, in box heights, at hardness 1


def grow(xyxy: np.ndarray) -> np.ndarray:
    """The boxes of `frame` before they are cut to whole pixels: (K, 4) float xyxy to the same."""
    high = (xyxy[:, 3] - xyxy[:, 1]).max()
    middle = (xyxy[:, 1] + xyxy[:, 3]) / 2
    left, top, right, bottom = high * np.array(ROOM)
    return np.column_stack([xyxy[:, 0] - left, middle - high / 2 - top, xyxy[:, 2] + right, middle + high / 2 + bottom])


def frame(rng: np.random.Generator, xyxy: np.ndarray, width: int, height: int, hardness: float) -> np.ndarray:
    """Boxes as a person would draw them around ink.

    The rule: the ink's bounding rectangle after all transforms, grown by `ROOM`; all digits of a number get the height
    of the highest one, about their own middle (SVHN's boxes do); then whole pixels in the photo. A person's hand is not
    exact: left and right edges, and tops, are off by `JITTER` times the hardness.

    Args:
        rng: Source of randomness.
        xyxy: (K, 4) float, the ink's bounds in photo pixels.
        width: Photo width in pixels.
        height: Photo height in pixels.
        hardness: 0 to 1.

    Returns:
        (K, 4) int64 xywh; the heights are equal but where the photo ends.

    Example:
        >>> frame(np.random.default_rng(0), np.array([[10.0, 10.0, 20.0, 30.0]]), 100, 100, 0.0).tolist()
        [[9, 8, 12, 23]]
    """
    boxes = grow(xyxy)
    high = float(boxes[0, 3] - boxes[0, 1])
    off = rng.normal(0, 1, (len(boxes), 3)) * (JITTER * high * hardness)
    left, right, top = boxes[:, 0] + off[:, 0], boxes[:, 2] + off[:, 1], boxes[:, 1] + off[:, 2]
    whole = np.round(np.column_stack([left, top, np.maximum(right, left + 1), top])).astype(np.int64)
    whole[:, 3] = whole[:, 1] + max(1, round(high))
    whole = np.clip(whole, 0, [width, height, width, height])
    return np.column_stack([whole[:, :2], np.maximum(whole[:, 2:] - whole[:, :2], 1)])
