"""Rules that group candidate digits into lines and numbers, from their boxes and scores alone.

A line is a run of digits of one height whose spacing is regular. A number is a line, a column of single digits, or a
stacked plate of short lines. All distances are in digit heights, so that the rules hold at any scale.
"""

from itertools import accumulate, pairwise
from statistics import median

import numpy as np

from ..structures.geometry import STEEPEST, row_by_row
from .settings import ReaderConfig

WIDEST_PITCH = 2.2  # centre to centre, of a register whose wheels stand apart; frames are about one digit wide
POINT_PITCH = 1.6  # a decimal point widens a pitch by up to this factor
WEAK_PITCH = 1.45  # the same for a weak digit: a 1 shifts the centre by up to a third of the pitch
WEAK_SIZE = 1.25  # a weak digit is as high as its neighbours within this factor
WEAK_OFFSET = 0.25  # of the centre of a weak digit from its line
SHORT = 3  # digits of a line whose pitch is little evidence
NARROW = 0.35  # the least pitch of digits
ROW_DIGITS = 2  # rows of more digits are numbers of their own, as in a directory
ROW_GAP = 1.0  # between rows of one stacked plate, edge to edge
Boxes = list[list[float]]


def typical_height(bboxes: np.ndarray, scores: np.ndarray) -> float:
    """Return the score-weighted median height, in pixels, of N >= 1 boxes (N, 4) xyxy; scores (N,)."""
    half = scores.sum() / 2
    heights = sorted(zip((bboxes[:, 3] - bboxes[:, 1]).tolist(), scores.tolist(), strict=True))
    weights = accumulate(score for _, score in heights)
    return next(height for (height, _), weight in zip(heights, weights, strict=True) if weight >= half)


def of_one_size(bboxes: np.ndarray, height: float, ratio: float) -> np.ndarray:
    """Return (N,) bool: the height of the box (N, 4) xyxy is within a factor `ratio` of `height`, in pixels."""
    heights = bboxes[:, 3] - bboxes[:, 1]
    return (heights <= height * ratio) & (heights * ratio >= height)


class _Geometry:
    """Centres, sizes and steps of the boxes (N, 4) xyxy of one photo, as plain numbers: faster than short arrays."""

    def __init__(self, bboxes: np.ndarray) -> None:
        self.boxes: Boxes = bboxes.tolist()
        self.x = [(left + right) / 2 for left, _, right, _ in self.boxes]
        self.y = [(top + bottom) / 2 for _, top, _, bottom in self.boxes]
        self.height = [bottom - top for _, top, _, bottom in self.boxes]

    def gap(self, i: int, j: int) -> float:
        """Return the horizontal gap from box i to box j on its right, edge to edge, in heights."""
        return (self.boxes[j][0] - self.boxes[i][2]) / self._mean_height(i, j)

    def pitch(self, i: int, j: int) -> float:
        """Return the horizontal distance of the centres, in heights."""
        return (self.x[j] - self.x[i]) / self._mean_height(i, j)

    def similar(self, i: int, j: int, ratio: float) -> bool:
        """Return whether the heights differ by at most the factor `ratio`."""
        one, other = self.height[i], self.height[j]
        return one <= other * ratio and other <= one * ratio

    def _mean_height(self, i: int, j: int) -> float:
        return max((self.height[i] + self.height[j]) / 2, 1e-9)


def find_lines(bboxes: np.ndarray, scores: np.ndarray, score_thr: float, config: ReaderConfig) -> list[list[int]]:
    """Group candidate digits into lines.

    Each confident candidate is linked with its nearest neighbour to the right, if the link is mutual, the heights
    differ by at most `size_ratio`, the rise is at most STEEPEST, and the gap is at most `max_gap`. A wider link, of a
    pitch up to WIDEST_PITCH, holds beside a link of a similar pitch: a register has one pitch, and a single jump
    separates two numbers. Then each weak candidate between the digits of a line of two or more, or at its ends, joins
    the line if its height, its offset and its pitch are those of the line. A line of up to SHORT digits is little
    evidence of a pitch: its weak candidates score at least the mean of both thresholds.

    Args:
        bboxes: (N, 4) xyxy in pixels, best first.
        scores: (N,), descending.
        score_thr: minimum score of a confident candidate. Candidates from `config.weak_thr` on are weak.
        config: `weak_thr`, `max_gap` and `size_ratio`.

    Returns:
        The indices of each line, from left to right; each confident candidate is in one line.

    Example:
        >>> boxes = np.array([[0, 0, 6, 10], [8, 0, 14, 10], [40, 0, 46, 10.0]])
        >>> find_lines(boxes, np.array([0.9, 0.8, 0.7]), 0.6, ReaderConfig(max_gap=1.0))
        [[0, 1], [2]]
    """
    confident, visible = (np.count_nonzero(scores >= threshold) for threshold in (score_thr, config.weak_thr))
    geometry = _Geometry(bboxes[: max(confident, visible)])
    after = _links(geometry, confident, config)
    starts = [i for i in range(confident) if i not in after.values()]
    lines = []
    for i in starts:
        line = [i]
        while (following := after.get(line[-1])) is not None:
            line.append(following)
        lines.append(line)
    probable = np.count_nonzero(scores >= (config.weak_thr + score_thr) / 2)
    _add_weak(geometry, lines, confident, probable)
    return lines


def _links(geometry: _Geometry, confident: int, config: ReaderConfig) -> dict[int, int]:
    """Return the right neighbour of each confident candidate in its line."""
    nearest: list[dict[int, tuple[float, int]]] = [{}, {}]  # to the right and to the left: distance, index
    widest = float('inf') if config.max_gap is None else config.max_gap
    ratio = float('inf') if config.size_ratio is None else config.size_ratio
    for i in range(confident):
        for j in range(confident):
            run, rise = geometry.x[j] - geometry.x[i], abs(geometry.y[j] - geometry.y[i])
            lower = min(geometry.height[i], geometry.height[j])
            if run <= 0 or rise > STEEPEST * max(run, lower) or not geometry.similar(i, j, ratio):
                continue
            if geometry.gap(i, j) > widest and geometry.pitch(i, j) > WIDEST_PITCH:
                continue
            distance = run + rise  # a neighbour on the level before one on a slant
            for side, (one, other) in zip(nearest, ((i, j), (j, i)), strict=True):
                if one not in side or distance < side[one][0]:
                    side[one] = distance, other
    right, left = ({i: j for i, (_, j) in side.items()} for side in nearest)
    mutual = {i: j for i, j in right.items() if left.get(j) == i}
    kept = {}
    for i, j in mutual.items():
        before = left.get(i)
        beside = [(before, i)] if before is not None and mutual.get(before) == i else []
        beside += [(j, mutual[j])] if j in mutual else []
        pitch = geometry.pitch(i, j)
        if geometry.gap(i, j) <= widest or any(pitch <= POINT_PITCH * geometry.pitch(*step) for step in beside):
            kept[i] = j
    return kept


def _like(one: float, other: float, factor: float) -> bool:
    return one <= other * factor and other <= one * factor


def _add_weak(geometry: _Geometry, lines: list[list[int]], confident: int, probable: int) -> None:
    """Add weak candidates to the lines that they continue or complete, best first, in place.

    The first `confident` candidates are in lines. Short lines accept those before `probable` only.
    """
    waiting, added = list(range(confident, len(geometry.boxes))), True
    while added:
        added = False
        for i in waiting:
            for line in lines:
                long = len(line) > (1 if i < probable else SHORT)
                if long and (place := _place_in(geometry, line, i)) is not None:
                    line.insert(place, i)
                    waiting.remove(i)
                    added = True
                    break
            if added:
                break


def _place_in(geometry: _Geometry, line: list[int], i: int) -> int | None:
    """Return the place of a weak candidate in a line; None if its size, offset or pitch is not that of the line."""
    place = sum(geometry.x[j] < geometry.x[i] for j in line)
    beside = line[max(place - 1, 0) : place + 1]
    one, other = (line[place - 1], line[place]) if 0 < place < len(line) else (line[:2] if not place else line[-2:])
    run = geometry.x[other] - geometry.x[one]
    slope = (geometry.y[other] - geometry.y[one]) / run
    offset = geometry.y[i] - geometry.y[one] - slope * (geometry.x[i] - geometry.x[one])
    if abs(offset) > WEAK_OFFSET * geometry.height[i]:
        return None
    if not all(geometry.similar(i, j, WEAK_SIZE) for j in beside):
        return None
    steps = [(j, i) if geometry.x[j] < geometry.x[i] else (i, j) for j in beside]
    if any(geometry.gap(*step) < -WEAK_OFFSET for step in steps):
        return None
    pitches = [geometry.pitch(*step) for step in steps]
    others = [step for step in pairwise(line) if len(beside) == 1 or step != (one, other)]
    if not others:  # between two digits: the two halves are alike
        return place if _like(pitches[0], pitches[1], WEAK_PITCH) and min(pitches) > NARROW else None
    usual, gap = (median(measure(*step) for step in others) for measure in (geometry.pitch, geometry.gap))
    if all(_like(pitch, usual, WEAK_PITCH) for pitch in pitches):
        return place
    even = len(beside) == 1 and abs(geometry.gap(*steps[0]) - gap) < WEAK_OFFSET
    return place if even else None


def find_numbers(bboxes: np.ndarray, scores: np.ndarray, score_thr: float, config: ReaderConfig) -> list[list[int]]:
    """Group candidate digits into numbers.

    Lines of up to ROW_DIGITS digits of one height, one above the other and no further apart than ROW_GAP, form one
    number: a stacked plate, or a column of single digits. Every other line is a number.

    Args:
        bboxes, scores, score_thr, config: see `find_lines`.

    Returns:
        The indices of each number in reading order. The numbers are in the order of their first digit in `bboxes`.
    """
    lines = find_lines(bboxes, scores, score_thr, config)
    if len(lines) < 2:
        return lines
    geometry = _Geometry(bboxes)
    ratio = float('inf') if config.size_ratio is None else config.size_ratio
    lines.sort(key=lambda line: sum(geometry.y[i] for i in line) / len(line))
    numbers: list[list[list[int]]] = []
    for line in lines:
        above = [rows for rows in numbers if _stacked(geometry, rows[-1], line, ratio)]
        if above:
            min(above, key=lambda rows: _extent(geometry, line)[1] - _extent(geometry, rows[-1])[3]).append(line)
        else:
            numbers.append([line])
    return sorted(([i for row in rows for i in row] for rows in numbers), key=min)


def _extent(geometry: _Geometry, line: list[int]) -> tuple[float, float, float, float]:
    sides = list(zip(*(geometry.boxes[i] for i in line), strict=True))
    return min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])


def _stacked(geometry: _Geometry, upper: list[int], lower: list[int], ratio: float) -> bool:
    """Return whether two short lines are rows of one number: of one height, and one above the other."""
    if max(len(upper), len(lower)) > ROW_DIGITS:
        return False
    height, other = (median(geometry.height[i] for i in line) for line in (upper, lower))
    if not (height <= other * ratio and other <= height * ratio):
        return False
    above, below = _extent(geometry, upper), _extent(geometry, lower)
    gap = below[1] - above[3]
    shared = min(above[2], below[2]) - max(above[0], below[0])
    narrower = min(above[2] - above[0], below[2] - below[0])
    return -0.5 * min(height, other) < gap <= ROW_GAP * min(height, other) and shared >= narrower / 2


def irregularity(bboxes: np.ndarray) -> float:
    """Return the irregularity of the spacing of a number's boxes (D, 4) xyxy, in reading order; 0 with less than 3.

    The largest deviation of a step in a row from the median step, in heights. The deviation of a step is the lesser of
    those of its gap and its pitch: letters have even gaps, and the wheels of a register have even pitches.

    Example:
        >>> irregularity(np.array([[0, 0, 6, 10], [8, 0, 14, 10], [16, 0, 22, 10], [30, 0, 36, 10.0]]))
        0.6
    """
    geometry = _Geometry(bboxes)
    steps = [(i, i + 1) for i in range(len(bboxes) - 1) if geometry.x[i] < geometry.x[i + 1]]
    if len(steps) < 2:
        return 0.0
    deviations = []
    for measure in geometry.gap, geometry.pitch:
        values = [measure(*step) for step in steps]
        middle = median(values)
        deviations.append([abs(value - middle) for value in values])
    return max(map(min, *deviations))


def reading_order(boxes: np.ndarray) -> list[int]:
    """Return the indices that sort boxes (N, 4) xyxy of whole numbers by row, then from left to right."""
    return row_by_row(boxes, slanted=False).tolist()
