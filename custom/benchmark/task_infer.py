"""Benchmark: finding digits, photos up to 128 px high, and reading numbers with the light model."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.errors import UserError
from .compare import Prepared, Settings
from .models import STOCK, TORCHVISION
from .results import GFLOP

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample

UNIT = 'photos'
RIVALS = {
    'ours': "digits_frcnn with stock's anchors, weights and least score, 16 photos at a time",
    'ours-lite': 'the model of weights/, from photo file to number, seen at one size, 16 photos at a time',
    'ours-lite-single': 'the same, photo by photo',
    'ours-lite-sizes': 'the same at the sizes that its reader.json asks for, 16 photos at a time',
    'stock': f'{STOCK}, photo by photo as its config tests',
    'torchvision-v1': f'{TORCHVISION["v1"]}, photo by photo',
    'torchvision-v2': f'{TORCHVISION["v2"]}, photo by photo, other weights',
}
PHOTOS, FEW = 48, 4  # the second in a short round
TIMES = 8  # as many for the light model, whose rounds would be too short to measure
BATCH = 16
ONE_SIZE = Path(__file__).resolve().parents[2] / 'weights/reader_one_size.json'
SCORED = 400  # labelled photos at most that AP is measured on, with weights that are no random ones
AGREE = {'AP': 0.002}


def prepare(rival: str, settings: Settings) -> Prepared:
    """Build the model and load the photos; only the light model's rounds begin with files."""
    import torch

    count = FEW if settings.short else PHOTOS
    kind, _, version = rival.partition('-')
    if version.startswith('lite'):
        size = 1 if version == 'lite-single' else settings.batch or BATCH
        return _lite(settings, count * TIMES, size, None if version == 'lite-sizes' else ONE_SIZE)
    count = max(count, settings.batch or 0)
    figures: Callable[[], dict[str, float]] = dict
    if kind == 'torchvision':
        run, photos = _torchvision(version, settings, count)
    else:
        run, photos, figures = _mmdet(kind, settings, count)

    def one_round() -> int:
        with torch.inference_mode():
            run()
        return photos

    from .models import gflop

    return Prepared(one_round, {GFLOP: gflop(one_round) / photos}, figures)


def _mmdet(kind: str, settings: Settings, count: int) -> tuple[Callable[[], Any], int, Callable[[], dict[str, float]]]:
    import torch

    from .models import batches, predictor
    from .photos import config_of, for_inference, photos_of

    folder, annotations = photos_of(settings)
    if settings.weights and annotations is None:
        raise UserError(f'{folder}: AP wants labels; put {folder.resolve().with_suffix(".json")} beside it')
    items = for_inference(config_of('digits_frcnn'), settings, count)
    model = predictor(kind, settings)
    size = settings.batch or (BATCH if kind == 'ours' else 1)
    given = batches(items, size)

    def figures() -> dict[str, float]:
        if not settings.weights:
            return {}
        every = for_inference(config_of('digits_frcnn'), settings, SCORED)
        with torch.inference_mode():
            found = [one for batch in batches(every, size) for one in model.test_step(batch)]
        return {'AP': _score(found)}

    return lambda: [model.test_step(batch) for batch in given], len(items), figures


def _score(samples: 'list[DetDataSample]') -> float:
    """AP of what was found, on photos whose labels came along."""
    from ..engine.metrics import DigitMetric

    metric = DigitMetric()
    metric.process({}, [sample.to_dict() for sample in samples])
    return metric.evaluate(len(samples))['digits/AP']


def _torchvision(version: str, settings: Settings, count: int) -> tuple[Callable[[], Any], int]:
    from .models import as_torchvision, torchvision_detector
    from .photos import config_of, for_inference

    photos = [as_torchvision(item)[0] for item in for_inference(config_of('digits_frcnn'), settings, count)]
    model = torchvision_detector(version, settings).eval()
    size = settings.batch or 1
    parts = [photos[start : start + size] for start in range(0, len(photos), size)]
    return lambda: [model(part) for part in parts], len(photos)


def _lite(settings: Settings, count: int, batch_size: int, reader_json: Path | None) -> Prepared:
    from .. import DigitReader
    from ..structures.photos import list_photos
    from .photos import photos_of

    folder, _ = photos_of(settings)
    files = [folder / photo.file_name for photo in list_photos(folder)]
    reader = DigitReader(reader=reader_json and str(reader_json), batch_size=batch_size)
    chosen = [files[i % len(files)] for i in range(count)]

    def one_round() -> int:
        readings = reader.read_many(chosen) if batch_size > 1 else map(reader.read, chosen)
        return len(list(islice(readings, None)))

    return Prepared(one_round)
