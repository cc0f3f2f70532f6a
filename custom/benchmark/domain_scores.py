"""Scores of readers on domains: number accuracy, AP50, confident answers, speed; their table and sheets of failures."""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from ..evaluation.average_precision import average_precision
from ..structures.detections import Detections
from ..structures.geometry import xywh_to_xyxy
from ..utils.estimates import Estimate, share
from ..visualization.pictures import Shot, contact_sheet
from .compare import aligned
from .domains import EMPTY, HOUSES, Domain
from .rivals import Answer, Reader

SURE = 0.9  # confidence of an answer that should be right
ANSWERED = 0.5  # confidence from which a photo without a number counts as a false alarm
SHEET = 24  # failures on a sheet


class Result(NamedTuple):
    """Answers of one reader to the photos of one domain.

    Attributes:
        domain, reader: their names.
        numbers: right numbers of each photo; None if they are not known.
        answers: of each photo.
        seconds: in which the reader read all photos.
        ap50: COCO's AP at IoU 0.50. Defaults to None, no boxes.
    """

    domain: str
    reader: str
    numbers: Sequence[tuple[str, ...] | None]
    answers: Sequence[Answer]
    seconds: float
    ap50: float | None = None

    @property
    def is_empty_set(self) -> bool:
        """Whether no photo has a number."""
        return not any(numbers is None or numbers for numbers in self.numbers)

    @property
    def right(self) -> list[bool]:
        """Whether the number is right, of each photo whose number is known."""
        return [is_right(answer, known) for answer, known in self._known]

    @property
    def _known(self) -> list[tuple[Answer, tuple[str, ...]]]:
        pairs = zip(self.answers, self.numbers, strict=True)
        return [(answer, numbers) for answer, numbers in pairs if numbers is not None]

    @property
    def accuracy(self) -> Estimate:
        """Number accuracy; of photos without a number the share that gets no answer of ANSWERED or more."""
        right = self.right
        return share(sum(right), len(right))

    def sure(self) -> tuple[int, int]:
        """Count the answers with a confidence of SURE or more, and the right ones of them."""
        sure = [
            is_right(answer, numbers) for answer, numbers in self._known if answer.numbers and answer.confidence >= SURE
        ]
        return len(sure), sum(sure)


def is_right(answer: Answer, numbers: tuple[str, ...]) -> bool:
    """Compare an answer with the numbers of a photo.

    One of the readings must be one of the numbers. On a photo without a number there must be no reading with a
    confidence of ANSWERED or more.

    Example:
        >>> is_right(Answer(('12', '7'), 0.9), ('7',)), is_right(Answer(('12',), 0.4), ())
        (True, True)
    """
    if not numbers:
        return not (answer.numbers and answer.confidence >= ANSWERED)
    return bool(set(answer.numbers) & set(numbers))


def run_domain(domain: Domain, name: str, read: Reader) -> Result:
    """Read the photos of a domain one at a time; a terminal shows a bar."""
    photos = [sample.pixels() for sample in domain.samples]
    read(photos[0])  # the first call is slow
    answers, seconds = list[Answer](), 0.0
    for pixels in tqdm(photos, f'{domain.name}: {name}', unit=' photos', leave=False, disable=None):
        start = time.perf_counter()
        answers.append(read(pixels))
        seconds += time.perf_counter() - start
    ap50 = None
    if domain.truth is not None and domain.truth.labelled and all(answer.detections is not None for answer in answers):
        ap50 = average_precision(join(domain.truth.image_ids, answers), domain.truth)['AP50']
    return Result(domain.name, name, [sample.numbers for sample in domain.samples], answers, seconds, ap50)


def join(image_ids: np.ndarray, answers: Sequence[Answer]) -> Detections:
    """Concatenate the detections of the photos with ids (M,)."""
    parts = [answer.detections for answer in answers if answer.detections is not None]
    return Detections.from_model(
        np.repeat(image_ids, [len(part.scores) for part in parts]),
        np.concatenate([xywh_to_xyxy(part.bboxes) for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def run_all(domains: Iterator[Domain], readers: Mapping[str, Reader]) -> Iterator[tuple[Domain, list[Result]]]:
    """Read each domain with each reader; yield the domain, as it was read, and the results.

    Canvases are read only where the first reader reads the house number on the photo alone.
    """
    read_alone: list[bool] = []
    for domain in domains:
        if domain.only_read:
            rows = [row for row in domain.only_read if row < len(read_alone) and read_alone[row]]
            if not rows:
                continue
            domain = dataclasses.replace(domain, samples=[domain.samples[row] for row in rows])
        if not domain.samples:
            continue
        results = [run_domain(domain, name, read) for name, read in readers.items()]
        if domain.name == HOUSES:
            read_alone = results[0].right
        yield domain, results


def rows_of(results: Sequence[Result]) -> list[list[str]]:
    """Format a row of the table for each reader of one domain."""
    rows = []
    for i, result in enumerate(results):
        sure, sure_right = result.sure()
        of_sure = '-' if result.is_empty_set or not sure else f'{sure_right / sure:.2f}'
        rows.append(
            [
                '' if i else result.domain,
                result.reader,
                str(len(result.right)),
                str(result.accuracy),
                '-' if result.ap50 is None else f'{result.ap50:.3f}',
                f'{sure / max(len(result.right), 1):.2f}',
                of_sure,
                f'{len(result.answers) / result.seconds:.1f}',
            ]
        )
    return rows


HEADER = ['domain', 'reader', 'photos', 'number right', 'AP50', f'confidence >= {SURE}', 'right of those', 'photos/s']
NOTES = (
    "number right: share of the photos, Wilson's 95 % interval. Only digits count. This project gives one number a "
    'photo. Of the text readers each line, and all lines together, may be the number: the best one counts.',
    f'{EMPTY}: share of the photos without an answer of confidence {ANSWERED} or more.',
    'canvases: the house numbers that the first reader reads without a canvas.',
)


def table(all_rows: Sequence[Sequence[str]]) -> str:
    """Format the rows of all domains."""
    return '\n'.join(aligned([HEADER, *all_rows]))


def as_dict(result: Result) -> dict[str, Any]:
    """Return the figures of a result, and each answer, for JSON."""
    sure, sure_right = result.sure()
    return {
        'domain': result.domain,
        'reader': result.reader,
        'photos': len(result.right),
        'right': sum(result.right),
        'number_accuracy': result.accuracy._asdict(),
        'AP50': result.ap50,
        'sure': {'confidence': SURE, 'answers': sure, 'right': sure_right},
        'photos_per_s': len(result.answers) / result.seconds,
        'answers': [
            {'numbers': list(answer.numbers), 'confidence': answer.confidence, 'true': numbers and list(numbers)}
            for answer, numbers in zip(result.answers, result.numbers, strict=True)
        ],
    }


def failures(domain: Domain, result: Result) -> Iterator[Shot]:
    """Yield the photos whose number is wrong, at most SHEET, the most confident ones first."""
    known = [
        (answer.confidence, i)
        for i, (answer, numbers) in enumerate(zip(result.answers, result.numbers, strict=True))
        if numbers is not None and not is_right(answer, numbers)
    ]
    none = Detections.from_model([], np.zeros((0, 4)), [], [])
    for _, i in sorted(known, reverse=True)[:SHEET]:
        answer = result.answers[i]
        boxes = none if answer.detections is None else answer.detections
        yield Shot(
            domain.samples[i].pixels(),
            xywh_to_xyxy(boxes.bboxes),
            boxes.scores,
            boxes.labels,
            np.asarray(answer.used, np.int64),
            answer.numbers[0] if answer.numbers else '',
            answer.confidence,
            ' or '.join(result.numbers[i] or ()),
        )


def failure_sheet(domain: Domain, result: Result) -> Any:
    """Draw the failures of one reader on one domain; None without any."""
    shots = list(failures(domain, result))
    wrong = len(result.right) - sum(result.right)
    note = f'{wrong} of {len(result.right)} photos' + (f', {SHEET} drawn' if wrong > SHEET else '')
    return contact_sheet(shots, f'{domain.name}: {result.reader}', note) if shots else None
