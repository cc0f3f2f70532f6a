"""Readers of the benchmarks, with torch, with ONNX Runtime and RapidOCR, on the same photos."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..inference.reader import PhotoReader
from ..structures.photos import list_photos, read_photo
from . import models
from .candidate import ROOT, Prepared, Settings

FILES = 'files'  # the candidate of a task that makes the files of the others, in a process of its own
MODELS = {'ours': 'float32.onnx', 'ours-int8': 'int8.onnx'}
CONFIG, WEIGHTS = ROOT / 'configs/digits_frcnn_lite.py', ROOT / 'weights/digits_frcnn_lite.safetensors'
PHOTOS, FEW = 64, 4  # of a round; the second in a short one
RAPIDOCR = 'rapidocr'
Round = Callable[[PhotoReader, Sequence[Path]], int]


def candidates_of(how: str) -> dict[str, str]:
    """Name the readers of a task that reads photo files as `how` says."""
    return {
        'ours': f'digits-reader: ONNX Runtime, float32, the views of its reader.json, {how}',
        'ours-int8': 'the same with 8 bits',
        'torch': f'the reader of tools/predict.py: the same weights and views, {how}',
        RAPIDOCR: 'RapidOCR 3.10, detection and recognition of text (PP-OCRv6 small), one photo at a time',
    }


def make_files(settings: Settings) -> None:
    """Export the model of weights/ to the scratch folder, in float32 and in 8 bits."""
    from ..commands.export_onnx import export_onnx

    folder, _ = models.photos_of(settings)
    for name in MODELS.values():
        export_onnx(CONFIG, WEIGHTS, Path(settings.scratch, name), int8=folder if name.startswith('int8') else None)


def photos_of_round(settings: Settings) -> list[Path]:
    """List the photos of a round; some come several times if there are few."""
    folder, _ = models.photos_of(settings)
    files = [folder / photo.file_name for photo in list_photos(folder)]
    return [files[i % len(files)] for i in range(FEW if settings.short else PHOTOS)]


def open_reader(candidate: str, settings: Settings) -> PhotoReader:
    """Open the reader of a candidate: one of MODELS, or the one with torch."""
    if candidate in MODELS:
        from ..onnx_reader.digit_reader import DigitReader

        return DigitReader(Path(settings.scratch, MODELS[candidate]))
    from .. import DigitReader as TorchReader

    return TorchReader()


def prepare_reader(candidate: str, settings: Settings, read: Round) -> Prepared:
    """Open the reader of a candidate of `candidates_of` for rounds of `read`, or make the files for FILES.

    RapidOCR reads one photo at a time, since it has no batches of photos.

    Raises:
        UserError: RapidOCR is not installed.
    """
    if candidate == FILES:
        make_files(settings)
        return Prepared(lambda: 1)
    photos = photos_of_round(settings)
    if candidate == RAPIDOCR:
        from .rivals import open_rapidocr

        recognise = open_rapidocr(line=False)
        return Prepared(lambda: len([recognise(read_photo(photo)) for photo in photos]))
    reader = open_reader(candidate, settings)
    return Prepared(lambda: read(reader, photos))


@contextlib.contextmanager
def busy_processes(count: int) -> Iterator[list[subprocess.Popen]]:
    """Keep `count` processes busy."""
    busy = [subprocess.Popen([sys.executable, '-c', 'while True: pass']) for _ in range(count)]
    try:
        yield busy
    finally:
        for process in busy:
            process.kill()
            process.wait()
