"""Benchmark of the reader without torch, from photo file to number, in batches."""

from .candidate import Prepared, Settings
from .readers import FILES as FILES
from .readers import make_files, open_reader, photos_of_round

UNIT = 'photos'
CANDIDATES = {
    'ours': 'digits-reader: ONNX Runtime, float32, the views of its reader.json, batches of 16',
    'ours-int8': 'the same with 8 bits',
    'torch': 'the reader of tools/predict.py: the same weights and views, batches of 16',
}


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Open the reader, and list the photos."""
    if candidate == FILES:
        make_files(settings)
        return Prepared(lambda: 1)
    reader, photos = open_reader(candidate, settings), photos_of_round(settings)
    return Prepared(lambda: len([*reader.read_many(photos)]))
