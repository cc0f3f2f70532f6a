"""Benchmark of inference on photos up to 128 px high, and of reading numbers with the light model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import models
from .candidate import GFLOP, ROOT, Prepared, Settings

UNIT = 'photos'
CANDIDATES = {
    'ours': "digits_frcnn with stock's anchors, weights and score threshold, batches of 16",
    'ours-lite': 'the model of weights/, from photo file to number, one view, batches of 16',
    'ours-lite-single': 'the same, one photo at a time',
    'ours-lite-sizes': 'the same with the views of its reader.json, batches of 16',
    'stock': f'{models.STOCK}, one photo at a time as in its config',
    'torchvision-v1': f'{models.TORCHVISION["v1"]}, one photo at a time',
    'torchvision-v2': f'{models.TORCHVISION["v2"]}, one photo at a time, other weights',
}
PHOTOS, FEW = 48, 4  # the second in a short round
TIMES = 8  # as many for the light model, whose rounds would be too short to measure
BATCH = 16
ONE_SIZE = ROOT / 'weights/reader_one_size.json'
SCORED = 400  # labelled photos at most for AP, which needs weights that are not random
AGREE = {'AP': 0.002}


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Build the model and load the photos; only the light model's rounds begin with files."""
    import torch

    count = FEW if settings.short else PHOTOS
    kind, _, version = candidate.partition('-')
    if version.startswith('lite'):
        size = 1 if version == 'lite-single' else settings.batch or BATCH
        return _lite(settings, count * TIMES, size, None if version == 'lite-sizes' else ONE_SIZE)
    build = _torchvision if kind == 'torchvision' else _mmdet
    run, photos, figures = build(version or kind, settings, max(count, settings.batch or 0))

    def one_round() -> int:
        with torch.inference_mode():
            run()
        return photos

    return Prepared(one_round, {GFLOP: models.gflop(one_round) / photos}, figures)


def _mmdet(kind: str, settings: Settings, count: int) -> tuple[Callable[[], Any], int, Callable[[], dict[str, float]]]:
    import torch

    models.photos_of(settings, labels_for='AP' if settings.weights else '')
    items, model = models.for_inference(settings, count), models.predictor(kind, settings)
    size = settings.batch or (BATCH if kind == 'ours' else 1)
    given = models.batches(items, size)

    def figures() -> dict[str, float]:
        if not settings.weights:
            return {}
        scored = models.batches(models.for_inference(settings, SCORED), size)
        with torch.inference_mode():
            return {'AP': _average_precision([sample for batch in scored for sample in model.test_step(batch)])}

    return lambda: [model.test_step(batch) for batch in given], len(items), figures


def _average_precision(samples: list[Any]) -> float:
    """Compute the AP of predictions on labelled photos."""
    from ..engine.metrics import DigitMetric

    metric = DigitMetric()
    metric.process({}, [sample.to_dict() for sample in samples])
    return metric.evaluate(len(samples))['digits/AP']


def _torchvision(version: str, settings: Settings, count: int) -> tuple[Callable[[], Any], int, Callable[[], dict]]:
    photos = [models.as_torchvision(item)[0] for item in models.for_inference(settings, count)]
    model = models.torchvision_detector(version, settings).eval()
    size = settings.batch or 1
    given = [photos[start : start + size] for start in range(0, len(photos), size)]
    return lambda: [model(batch) for batch in given], len(photos), dict


def _lite(settings: Settings, count: int, batch_size: int, reader_json: Path | None) -> Prepared:
    from .. import DigitReader
    from ..structures.photos import list_photos

    folder, _ = models.photos_of(settings)
    files = [folder / photo.file_name for photo in list_photos(folder)]
    reader = DigitReader(reader=reader_json and str(reader_json), batch_size=batch_size)
    chosen = [files[i % len(files)] for i in range(count)]
    return Prepared(lambda: len([*(reader.read_many(chosen) if batch_size > 1 else map(reader.read, chosen))]))
