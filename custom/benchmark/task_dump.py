"""Benchmark: from what a model found on as many photos as SVHN has to test on to a submission that is checked."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

from ..utils.errors import UserError
from .compare import Prepared, Settings
from .machine import memory_mb

if TYPE_CHECKING:
    from mmdet.structures import DetDataSample

    from ..structures.annotations import DigitAnnotations
    from .boxes import Found

UNIT = 'photos'
RIVALS = {
    'ours': 'SubmissionHook: pred.json, pred.csv, submission.zip, reader.json; and what dump_results.py --check does',
    'stock': "MMDetection's CocoMetric with format_only: no more than its json, unchecked",
}
PHOTOS, FEW = 13_068, 500  # the second in a short round
BATCH = 16  # photos that a model hands over at a time


class Scene(NamedTuple):
    """What a test run starts from: the photos, what the model found on each, and the folder to write to."""

    truth: 'DigitAnnotations'
    samples: 'list[DetDataSample]'
    folder: Path

    def batches(self) -> 'list[list[DetDataSample]]':
        """The photos as a runner gets them from the model."""
        return [self.samples[start : start + BATCH] for start in range(0, len(self.samples), BATCH)]


def prepare(rival: str, settings: Settings) -> Prepared:
    """Draw 100 boxes on each photo, and hand them over in batches; the same ones to all."""
    from .. import register  # noqa: F401 - serves mmcv's operators
    from .boxes import BOXES, draw

    truth, found = draw(FEW if settings.short else PHOTOS)
    scene = Scene(truth, _samples(truth, found), Path(settings.scratch, rival))
    scene.folder.mkdir()
    write, check = {'ours': _ours, 'stock': _stock}[rival](scene)
    grown: dict[str, float] = {}

    def run() -> int:
        before = memory_mb('VmRSS', forget_peak=True)
        write()
        if not grown:
            grown['MB to write'] = memory_mb('VmHWM') - before
        check()
        return len(scene.samples)

    return Prepared(run, {'boxes a photo': BOXES}, lambda: grown)


def _samples(truth: 'DigitAnnotations', found: 'Found') -> 'list[DetDataSample]':
    import torch
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    samples = []
    for image_id, (width, height), *arrays in zip(truth.image_ids.tolist(), truth.sizes.tolist(), *found, strict=True):
        meta = {'img_id': image_id, 'img_path': f'/photos/{image_id}.png', 'ori_shape': (height, width)}
        columns = dict(zip(found._fields, map(torch.from_numpy, arrays), strict=True))
        samples.append(DetDataSample(metainfo=meta, pred_instances=InstanceData(**columns)))
    return samples


def _ours(scene: Scene) -> tuple[Callable[[], None], Callable[[], None]]:
    from ..engine.hooks.submission import SubmissionHook
    from ..submission.validator import check_submission

    loader = SimpleNamespace(dataset=scene.samples, sampler=None)
    runner = SimpleNamespace(test_dataloader=loader, world_size=1)

    def write() -> None:
        hook = SubmissionHook(str(scene.folder))
        hook.before_test(runner)
        for i, outputs in enumerate(scene.batches()):
            hook.after_test_iter(runner, i, outputs=outputs)
        hook.after_test_epoch(runner)

    def check() -> None:
        pred_json, pred_csv, packed = (scene.folder / name for name in ('pred.json', 'pred.csv', 'submission.zip'))
        found = check_submission(pred_json, pred_csv, packed, scene.truth.image_ids, scene.truth.sizes)
        if found.problems:
            raise UserError(found.problems[0])

    return write, check


def _stock(scene: Scene) -> tuple[Callable[[], None], Callable[[], None]]:
    from mmdet.evaluation import CocoMetric

    from ..structures.digits import DIGITS

    images = [{'id': sample.img_id, 'file_name': sample.img_path} for sample in scene.samples]
    categories = [{'id': i, 'name': name} for i, name in enumerate(DIGITS, start=1)]
    truth = scene.folder / 'truth.json'
    truth.write_text(json.dumps({'images': images, 'annotations': [], 'categories': categories}))

    def write() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            metric = CocoMetric(str(truth), format_only=True, outfile_prefix=str(scene.folder / 'pred'))
            metric.dataset_meta = {'classes': DIGITS}
            for outputs in scene.batches():
                metric.process({}, [sample.to_dict() for sample in outputs])
            metric.evaluate(len(scene.samples))

    return write, lambda: None
