"""Benchmark of the reader without torch, from photo file to number, in batches."""

from .candidate import Prepared, Settings
from .readers import FILES as FILES
from .readers import make_files, open_reader, photos_of_round, text_reader

UNIT = 'photos'
CANDIDATES = {
    'ours': 'digits-reader: ONNX Runtime, float32, the views of its reader.json, batches of 16',
    'ours-int8': 'the same with 8 bits',
    'torch': 'the reader of tools/predict.py: the same weights and views, batches of 16',
    'rapidocr': 'RapidOCR 3.10 (PP-OCRv6 small): any text, one photo at a time; not part unless it is installed',
}
OPTIONAL = {'rapidocr': 'rapidocr'}


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Open the reader, and list the photos."""
    if candidate == FILES:
        make_files(settings)
        return Prepared(lambda: 1)
    photos = photos_of_round(settings)
    if candidate == 'rapidocr':
        return text_reader(photos)
    reader = open_reader(candidate, settings)
    return Prepared(lambda: len([*reader.read_many(photos)]))
