"""Benchmark from predictions for as many photos as SVHN's test set has to a validated submission."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ..structures.annotations import DigitAnnotations
from ..structures.digits import DIGITS
from ..utils.errors import UserError
from .boxes import BOXES, TEST_PHOTOS, Predictions, draw
from .candidate import Prepared, Settings, memory_mb

UNIT = 'photos'
CANDIDATES = {
    'ours': 'SubmissionHook: pred.json, pred.csv, submission.zip, reader.json; validated as by dump_results.py --check',
    'stock': "MMDetection's CocoMetric with format_only: only its json, not validated",
}
FEW = 500  # photos in a short round
BATCH = 16  # batch size of the simulated model
Batches = list[list[Any]]  # of DetDataSample


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Draw the same predictions for each candidate; they come in batches, as from a model."""
    from .. import register  # noqa: F401 - installs the operators of mmcv

    truth, predictions = draw(FEW if settings.short else TEST_PHOTOS)
    folder = Path(settings.scratch, candidate)
    folder.mkdir()
    write, check = {'ours': _ours, 'stock': _stock}[candidate](truth, _batches(truth, predictions), folder)
    growth: dict[str, float] = {}

    def run() -> int:
        before = memory_mb('VmRSS', reset_peak=True)
        write()
        growth.setdefault('MB to write', memory_mb('VmHWM') - before)
        check()
        return len(truth.image_ids)

    return Prepared(run, {'boxes a photo': BOXES}, lambda: growth)


def _batches(truth: DigitAnnotations, predictions: Predictions) -> Batches:
    import torch
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    samples = []
    photos = zip(truth.image_ids.tolist(), truth.sizes.tolist(), *map(torch.from_numpy, predictions), strict=True)
    for image_id, (width, height), *tensors in photos:
        meta = {'img_id': image_id, 'img_path': f'/photos/{image_id}.png', 'ori_shape': (height, width)}
        instances = InstanceData(**dict(zip(predictions._fields, tensors, strict=True)))
        samples.append(DetDataSample(metainfo=meta, pred_instances=instances))
    return [samples[start : start + BATCH] for start in range(0, len(samples), BATCH)]


def _ours(truth: DigitAnnotations, batches: Batches, folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    from ..engine.hooks.submission import SubmissionHook
    from ..submission.validator import check_submission

    runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=truth.image_ids, sampler=None), world_size=1)

    def write() -> None:
        hook = SubmissionHook(str(folder))
        hook.before_test(runner)
        for i, outputs in enumerate(batches):
            hook.after_test_iter(runner, i, outputs=outputs)
        hook.after_test_epoch(runner)

    def check() -> None:
        pred_json, pred_csv, packed = (folder / name for name in ('pred.json', 'pred.csv', 'submission.zip'))
        if problems := check_submission(pred_json, pred_csv, packed, truth.image_ids, truth.sizes).problems:
            raise UserError(problems[0])

    return write, check


def _stock(truth: DigitAnnotations, batches: Batches, folder: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    from mmdet.evaluation import CocoMetric

    images = [{'id': sample.img_id, 'file_name': sample.img_path} for batch in batches for sample in batch]
    categories = [{'id': i, 'name': name} for i, name in enumerate(DIGITS, start=1)]
    annotations = folder / 'truth.json'
    annotations.write_text(json.dumps({'images': images, 'annotations': [], 'categories': categories}))

    def write() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            metric = CocoMetric(str(annotations), format_only=True, outfile_prefix=str(folder / 'pred'))
            metric.dataset_meta = {'classes': DIGITS}
            for outputs in batches:
                metric.process({}, [sample.to_dict() for sample in outputs])
            metric.evaluate(len(images))

    return write, lambda: None
