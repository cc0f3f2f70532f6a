"""Readers that the benchmark of domains compares: this project's, RapidOCR and Tesseract."""

import logging
import os
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ..structures.detections import Detections
from ..utils.errors import UserError

OURS = 'ours'
BASELINES = {
    'rapidocr': 'RapidOCR 3.10, detection and recognition of text (PP-OCRv6 small)',
    'rapidocr-line': 'RapidOCR 3.10, recognition alone: the whole photo is one line of text',
    'tesseract': 'Tesseract 5 with digits only, as one line (--psm 7) and as sparse text (--psm 11)',
}
REMEDIES = {
    'rapidocr': 'pip install rapidocr==3.10.0 onnxruntime==1.32.0 (its models are in the package)',
    'tesseract': "pip install pytesseract==0.3.13, and the binary, Debian's package tesseract-ocr",
}
SMALL = 120  # pixels: Tesseract is made for lines of about 30 px, so lower photos are enlarged
TEXT_TO_READ = 3  # factor


class Answer(NamedTuple):
    """What a reader says of one photo.

    Attributes:
        numbers: readings; one of them has to be right. This project gives one, or none. A text reader may give several:
            the digits of each line, and of all lines together.
        confidence: 0..1, of the most confident reading; 0 without any.
        detections: boxes of digits. Defaults to None, the reader has none.
        used: rows of `detections` that make the number. Defaults to ().
    """

    numbers: tuple[str, ...]
    confidence: float
    detections: Detections | None = None
    used: ArrayLike = ()


class Reader(Protocol):
    """Reads a photo, (H, W, 3) uint8, RGB."""

    def __call__(self, pixels: np.ndarray) -> Answer: ...


def digits_of_lines(lines: Sequence[str], scores: Sequence[float]) -> Answer:
    """Take the digits of each line of text, and of all lines together, as readings.

    Example:
        >>> digits_of_lines(['No. 12', 'EXIT', '7'], [0.9, 0.8, 0.5]).numbers
        ('12', '7', '127')
    """
    found = [(re.sub('[^0-9]', '', line), score) for line, score in zip(lines, scores, strict=True)]
    found = [(number, score) for number, score in found if number]
    numbers = [number for number, _ in found]
    together = [''.join(numbers)] if len(numbers) > 1 else []
    return Answer(tuple(dict.fromkeys(numbers + together)), max((score for _, score in found), default=0.0))


def open_ours(weights: str | None) -> Reader:
    """Open this project's reader; None for the weights of the project."""
    from ..digit_reader import DigitReader

    reader = DigitReader(checkpoint=weights)

    def read(pixels: np.ndarray) -> Answer:
        reading = reader.read(pixels)
        numbers = (reading.number,) if reading.number else ()
        return Answer(numbers, reading.confidence if numbers else 0.0, reading.detections, reading.used)

    return read


def open_rapidocr(line: bool) -> Reader:
    """Open RapidOCR; with `line` it recognises the whole photo as one line.

    Raises:
        UserError: the package or one of its parts is missing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            from rapidocr import RapidOCR
    except ImportError as error:
        raise UserError(f'rapidocr: cannot be imported ({error}); {REMEDIES["rapidocr"]}') from None
    logging.getLogger('RapidOCR').setLevel(logging.ERROR)
    engine = RapidOCR()
    logging.getLogger('RapidOCR').setLevel(logging.ERROR)  # the constructor sets another level

    def read(pixels: np.ndarray) -> Answer:
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        # All three are given: RapidOCR keeps those of the last call.
        result = engine(bgr, use_det=not line, use_cls=not line, use_rec=True)
        return digits_of_lines(list(result.txts or ()), [float(score) for score in result.scores or ()])

    return read


def open_tesseract() -> Reader:
    """Open Tesseract.

    Raises:
        UserError: the package or the binary is missing.
    """
    try:
        import pytesseract

        pytesseract.get_tesseract_version()
    except Exception as error:  # TesseractNotFoundError is an attribute of the package, which may be missing
        reason = str(error).splitlines()[0]
        raise UserError(f'tesseract: cannot be started ({reason}); {REMEDIES["tesseract"]}') from None

    def lines(pixels: np.ndarray, mode: int) -> Answer:
        options = f'--psm {mode} -c tessedit_char_whitelist=0123456789'
        try:
            table = pytesseract.image_to_data(pixels, config=options, output_type=pytesseract.Output.DICT)
        except pytesseract.TesseractError:  # "Image too small to scale", of a line that it found: no text
            return Answer((), 0.0)
        words: dict[tuple, list[tuple[str, float]]] = {}
        for place, text, score in zip(
            zip(*(table[name] for name in ('block_num', 'par_num', 'line_num')), strict=True),
            table['text'],
            table['conf'],
            strict=True,
        ):
            if text.strip() and float(score) >= 0:
                words.setdefault(place, []).append((text, float(score) / 100))
        texts = [''.join(text for text, _ in line) for line in words.values()]
        return digits_of_lines(texts, [min(score for _, score in line) for line in words.values()])

    def read(pixels: np.ndarray) -> Answer:
        if pixels.shape[0] < SMALL:
            pixels = cv2.resize(pixels, None, fx=TEXT_TO_READ, fy=TEXT_TO_READ, interpolation=cv2.INTER_CUBIC)
        answers = [lines(pixels, mode) for mode in (7, 11)]
        numbers = tuple(dict.fromkeys(number for answer in answers for number in answer.numbers))
        return Answer(numbers, max(answer.confidence for answer in answers))

    return read


OPENERS: dict[str, Callable[[], Reader]] = {
    'rapidocr': lambda: open_rapidocr(line=False),
    'rapidocr-line': lambda: open_rapidocr(line=True),
    'tesseract': open_tesseract,
}


def names_of_ours(weights: Sequence[str]) -> dict[str, str | None]:
    """Name a reader of this project for each file of weights, or OURS for those of the project.

    Raises:
        UserError: a file is given twice.
    """
    if not weights:
        return {OURS: None}
    if len({os.path.realpath(path) for path in weights}) < len(weights):
        raise UserError(f'--weights {" ".join(weights)}: give each file once')
    stems = [Path(path).stem for path in weights]
    return {
        f'{OURS}: {path if stems.count(stem) > 1 else stem}': path for stem, path in zip(stems, weights, strict=True)
    }
