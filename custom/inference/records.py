"""JSON form of readings, for the service and for JSON lines."""

from collections.abc import Sequence
from typing import Any

from ..structures.digits import NO_NUMBER
from .answers import UNSURE, Answer
from .reader import Digit, PhotoReading


def reading_record(reading: PhotoReading) -> dict[str, Any]:
    """Return a reading as a dict for JSON: number (None without any), confidence, digits, all numbers of the photo.

    Boxes are xyxy in pixels of the upright photo, rounded to 0.1. Scores are rounded to 4 digits.
    """
    main = _number_record(reading.number, reading.confidence, reading.digits) if reading.number else None
    return {
        'number': reading.number or None,
        'confidence': round(reading.confidence, 4),
        'digits': main['digits'] if main else [],
        'numbers': [_number_record(one.number, one.confidence, one.digits) for one in reading.numbers],
    }


def answer_record(answer: Answer) -> dict[str, Any]:
    """Return an answer as a dict for JSON: file, `reading_record`, and whether it is unsure; then number is None."""
    is_number = answer.number not in (NO_NUMBER, UNSURE)
    return {
        'file': str(answer.path),
        **reading_record(answer.reading),
        'number': answer.number if is_number else None,
        'unsure': answer.number == UNSURE,
    }


def _number_record(number: str, confidence: float, digits: Sequence[Digit]) -> dict[str, Any]:
    x1, y1, x2, y2 = zip(*(digit.bbox for digit in digits), strict=True)
    return {
        'number': number,
        'confidence': round(confidence, 4),
        'digits': [
            {'digit': digit.label, 'score': round(digit.score, 4), 'box': _rounded(digit.bbox)} for digit in digits
        ],
        'box': _rounded((min(x1), min(y1), max(x2), max(y2))),
    }


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(side, 1) for side in box]
