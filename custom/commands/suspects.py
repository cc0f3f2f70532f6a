"""Labels that a model contradicts with confidence, which are perhaps wrong.

A detector of digits contradicts a label by another digit in its box, by a digit without a label, or by nothing where a
label is. The evidence, 0 to 1, is the score of what the model sees less its score of what the label says.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..inference.labels import digits_of
from ..inference.reader import PhotoReader, PhotoReading
from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.digits import NO_NUMBER
from ..structures.geometry import ious, xywh_to_xyxy
from ..structures.photos import photo_path, read_photo
from ..utils.errors import UserError
from ..utils.files import replacing
from ..utils.messages import one_line
from ..visualization.pictures import Shot, contact_sheet

MAX_PHOTOS = 60  # of a sheet
SAME = 0.5  # IoU of a label and a detection of one digit
APART = 0.2  # IoU below which a detection has no label
LEAST = 0.5  # evidence of a suspect by default


class Contradiction(NamedTuple):
    """One label, or a missing one: evidence 0..1, what it is as text."""

    evidence: float
    text: str


class Suspect(NamedTuple):
    """A photo with labels that the model contradicts: its row in the annotations, the strongest evidence first."""

    row: int
    contradictions: list[Contradiction]


def find_suspects(
    truth: DigitAnnotations, readings: Sequence[PhotoReading | UserError], least: float = LEAST
) -> list[Suspect]:
    """List the photos whose labels the model contradicts, the strongest evidence first.

    Args:
        truth: M photos with their labels.
        readings: M readings of a model, in the same order; a photo that could not be read is passed over.
        least: evidence from which a contradiction counts, 0..1. Defaults to LEAST.
    """
    suspects = []
    for row, (image_id, reading) in enumerate(zip(truth.image_ids.tolist(), readings, strict=True)):
        if isinstance(reading, UserError):
            continue
        own = truth.box_image_ids == image_id
        found = contradictions(xywh_to_xyxy(truth.bboxes[own]), truth.labels[own], truth.iscrowd[own], reading)
        if strong := sorted((one for one in found if one.evidence >= least), reverse=True):
            suspects.append(Suspect(row, strong))
    return sorted(suspects, key=lambda suspect: -suspect.contradictions[0].evidence)


def contradictions(
    bboxes: np.ndarray, labels: np.ndarray, ignored: np.ndarray, reading: PhotoReading
) -> list[Contradiction]:
    """Compare the labels of a photo with its reading.

    Args:
        bboxes: (G, 4) xyxy in pixels.
        labels: (G,) digits.
        ignored: (G,) bool, crowd boxes, which explain detections and are no suspects.
        reading: of the photo.

    Returns:
        Each contradiction with an evidence above 0, in no order.
    """
    digits = digits_of(reading)
    seen = np.array([digit.bbox for digit in digits], float).reshape(-1, 4)
    overlaps = ious(bboxes[:, None], seen)
    boxes = reading.detections
    weak = xywh_to_xyxy(boxes.bboxes)
    support = ious(bboxes[:, None], weak)
    result = []
    for i, label in enumerate(labels.tolist()):
        if ignored[i]:
            continue
        place = f'at x {bboxes[i, 0]:.0f} to {bboxes[i, 2]:.0f}'
        own = boxes.scores[(support[i] >= SAME) & (boxes.labels == label)].max(initial=0)
        matches = np.flatnonzero(overlaps[i] >= SAME)
        others = [digits[j] for j in matches if digits[j].label != label]
        if others and not any(digits[j].label == label for j in matches):
            best = max(others, key=lambda digit: digit.score)
            text = f'label {label} {place}: the model reads {best.label} ({best.score:.2f})'
            result.append(Contradiction(float(best.score - own), text))
        elif not len(matches):
            any_score = boxes.scores[support[i] >= APART].max(initial=0)
            evidence = float(reading.confidence * (1 - any_score))
            result.append(Contradiction(evidence, f'label {label} {place}: the model sees no digit there'))
    for j, digit in enumerate(digits):
        if overlaps[:, j].max(initial=0) < APART:
            left, _, right, _ = digit.bbox
            text = f'no label at x {left:.0f} to {right:.0f}: the model reads {digit.label} ({digit.score:.2f})'
            result.append(Contradiction(float(digit.score), text))
    return [one for one in result if one.evidence > 0]


def describe(split: str, truth: DigitAnnotations, suspect: Suspect, reading: PhotoReading) -> str:
    """Return a line: evidence, photo, its number by the labels and by the model, and each contradiction."""
    labelled = true_numbers(truth)[int(truth.image_ids[suspect.row])] or NO_NUMBER
    reasons = '; '.join(one.text for one in suspect.contradictions)
    name = one_line(f'{split}/{truth.file_names[suspect.row]}')
    evidence = suspect.contradictions[0].evidence
    return f'{evidence:.2f}\t{name}\tlabelled {labelled}, read {reading.number or NO_NUMBER}\t{reasons}'


def shots_of(truth: DigitAnnotations, row: int, reading: PhotoReading, pixels: np.ndarray) -> Iterator[Shot]:
    """Yield two pictures of a photo (H, W, 3): with its labels, and with what the model reads."""
    image_id = int(truth.image_ids[row])
    own = truth.box_image_ids == image_id
    boxes, name = xywh_to_xyxy(truth.bboxes[own]), Path(truth.file_names[row]).name
    order = np.argsort(boxes[:, 0], kind='stable')
    number = true_numbers(truth)[image_id]
    yield Shot(pixels, boxes, np.ones(len(boxes)), truth.labels[own], order, number, 1.0, remark=f'label, {name}')
    detections = reading.detections
    arrays = xywh_to_xyxy(detections.bboxes), detections.scores, detections.labels, reading.used
    yield Shot(pixels, *arrays, reading.number, reading.confidence, remark='model')


def list_suspects(
    splits: Mapping[str, DigitAnnotations], root: Path, reader: PhotoReader, least: float, out: Path | None
) -> Iterator[str]:
    """Read the photos of a data set, and yield a line for each suspect and a sum for each split.

    Args:
        splits: the labels by split, whose photos are in the folder of this name in `root`.
        root: the data set.
        reader: the model.
        least: evidence from which a contradiction counts, 0..1.
        out: folder of suspects_<split>.png, label and model side by side. None: no pictures.

    Raises:
        UserError: a picture cannot be written.
    """
    for name, truth in splits.items():
        paths = [photo_path(root / name, file_name) for file_name in truth.file_names]
        readings = list(reader.read_many(paths))
        suspects = find_suspects(truth, readings, least)
        shots: list[Shot] = []
        for suspect in suspects:
            reading = readings[suspect.row]
            assert not isinstance(reading, UserError)
            yield describe(name, truth, suspect, reading)
            if out and len(shots) < 2 * MAX_PHOTOS:
                shots += shots_of(truth, suspect.row, reading, read_photo(paths[suspect.row]))
        failed = sum(isinstance(reading, UserError) for reading in readings)
        unread = f', {failed} could not be read' * bool(failed)
        yield f'{name}: {len(suspects)} of {len(paths)} photos have a label that the model contradicts{unread}'
        if shots and out:
            title = f'{len(shots) // 2} of {len(suspects)} suspects of {name}'
            with replacing(out / f'suspects_{name}.png') as beside:
                contact_sheet(shots, title, 'label, then model').save(beside, 'PNG', optimize=True)
            yield f'{out / f"suspects_{name}.png"}: {title}'
