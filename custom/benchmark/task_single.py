"""Benchmark of the reader without torch, from photo file to number, one photo at a time."""

from .candidate import Prepared, Settings
from .readers import FILES as FILES
from .readers import RAPIDOCR, candidates_of, prepare_reader

UNIT = 'photos'
CANDIDATES = candidates_of('one photo at a time')

OPTIONAL = (RAPIDOCR,)


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Open the reader, and list the photos."""
    return prepare_reader(candidate, settings, lambda reader, photos: len([reader.read(photo) for photo in photos]))
