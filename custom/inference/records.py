"""JSON form of answers, for the service and for JSON lines."""

from collections.abc import Sequence
from typing import Any

from ..structures.digits import NO_NUMBER
from .answers import UNSURE, Answer
from .options import decimal_text
from .reader import Digit


def answer_record(answer: Answer) -> dict[str, Any]:
    """Return an answer as a dict for JSON.

    Its keys are file, number (None without any, or if the answer is unsure), unsure, confidence, digits of the main
    number, digits that it leaves out, and all numbers of the photo. Boxes are xyxy in pixels of the upright photo,
    rounded to 0.1. Scores are rounded to 4 digits.
    """
    reading = answer.reading
    return {
        'file': str(answer.path),
        'number': answer.number if answer.number not in (NO_NUMBER, UNSURE) else None,
        'unsure': answer.number == UNSURE,
        'confidence': round(reading.confidence, 4),
        'digits': _digit_records(reading.digits),
        'left_out': _digit_records(reading.left_out),
        'numbers': [
            {
                'number': decimal_text(one.number, reading.decimals),
                'confidence': round(one.confidence, 4),
                'digits': _digit_records(one.digits),
                'box': _rounded(one.bbox),
            }
            for one in reading.numbers
        ],
    }


def _digit_records(digits: Sequence[Digit]) -> list[dict[str, Any]]:
    return [{'digit': digit.label, 'score': round(digit.score, 4), 'box': _rounded(digit.bbox)} for digit in digits]


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(side, 1) for side in box]
