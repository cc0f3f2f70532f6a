"""JSON form of answers, for the service and for JSON lines."""

from typing import Any

from ..structures.digits import NO_NUMBER, UNSURE
from .answers import Answer


def answer_record(answer: Answer) -> dict[str, Any]:
    """Return an answer as a dict for JSON.

    Its keys are file, number (None without any, or if the answer is unsure), unsure, read (the number that was read,
    None without any), and the others of `PhotoReading.to_dict`.
    """
    number = answer.number if answer.number not in (NO_NUMBER, UNSURE) else None
    content = answer.reading.to_dict()
    first = {'file': str(answer.path), 'number': number, 'unsure': answer.number == UNSURE, 'read': content['number']}
    return {**first, **{key: value for key, value in content.items() if key != 'number'}}
