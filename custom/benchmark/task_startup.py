"""Benchmark of the start of tools/test.py, up to its first batch."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from ..utils.errors import UserError
from .candidate import ROOT, Prepared, Settings, environment, last_line

UNIT = 'starts'
CANDIDATES = {
    'ours': 'tools/test.py on configs/digits_frcnn.py',
    'stock': "MMDetection's tools/test.py on its faster-rcnn_r50_fpn for ten classes, operators from torchvision",
}
VALID = 16  # photos, enough for a first batch of 8, loaded by 2 processes

OURS = """
_base_ = [{root!r} + '/configs/digits_frcnn.py']
custom_imports = dict(imports=['custom.register', 'custom.benchmark.first_batch_hook'], allow_failed_imports=False)
custom_hooks = _base_.custom_hooks + [dict(type='FirstBatchHook')]
model = dict(backbone=dict(init_cfg=None))
"""
STOCK = """
_base_ = 'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py'
custom_imports = dict(imports=['custom.benchmark.first_batch_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='FirstBatchHook')]
model = dict(backbone=dict(init_cfg=None), roi_head=dict(bbox_head=dict(num_classes=10)))
pipeline = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(512, 128), keep_ratio=True),
            dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))]
test_dataloader = dict(
    batch_size=8,
    dataset=dict(data_root={data!r}, ann_file='valid.json', data_prefix=dict(img='valid/'), pipeline=pipeline,
                 metainfo=dict(classes=tuple('0123456789'))))
test_evaluator = dict(ann_file={data!r} + '/valid.json')
"""
RUN_STOCK = """
import runpy, sys
from custom.models.mmcv_ops import serve_mmcv_ops
serve_mmcv_ops()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def prepare(candidate: str, settings: Settings) -> Prepared:
    """Write synthetic images, a config and random weights; every round is a process of its own."""
    import mmdet
    import torch
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from .. import register  # noqa: F401 - installs the operators of mmcv and registers the configs' classes
    from ..synth.dataset import SynthConfig, write_dataset

    folder, data = Path(settings.scratch, candidate), Path(settings.scratch, 'data')
    if not data.exists():
        write_dataset(data, SynthConfig(images=2 * VALID, valid_fraction=0.5), workers=1)
    folder.mkdir()
    config, weights = str(folder / 'config.py'), str(folder / 'weights.pth')
    text = {'ours': OURS, 'stock': STOCK}[candidate].format(root=str(ROOT), data=str(data))
    Path(config).write_text(text, encoding='utf-8')
    init_default_scope('mmdet')
    torch.save({'state_dict': MODELS.build(Config.fromfile(config).model).state_dict()}, weights)
    if candidate == 'ours':
        arguments = [str(ROOT / 'tools/test.py'), config, weights, '--split', 'valid', '--work-dir', 'work']
        command = [sys.executable, *arguments, '--cfg-options', f'data_root={data}']
    else:
        script = str(Path(mmdet.__file__).with_name('.mim') / 'tools/test.py')
        command = [sys.executable, '-c', RUN_STOCK, script, config, weights, '--work-dir', 'work']

    def run() -> int:
        _wait_for(command, folder)
        return 1

    return Prepared(run)


def _wait_for(command: list[str], folder: Path) -> None:
    """Run a program that ends with its first batch, and kill the processes that it leaves.

    Raises:
        UserError: the program failed.
    """
    with (folder / 'stderr').open('w+b') as errors:
        # A session of its own: where processes load the photos, they outlive their parent.
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        try:
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if code:
            errors.seek(0)
            raise UserError(last_line(errors.read(), code))
