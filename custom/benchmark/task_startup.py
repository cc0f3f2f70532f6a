"""Benchmark: from the start of tools/test.py to its first batch."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from ..utils.errors import UserError
from .compare import Prepared, Settings
from .process import ROOT, environment

UNIT = 'starts'
RIVALS = {
    'ours': 'tools/test.py on configs/digits_frcnn.py',
    'stock': "MMDetection's tools/test.py on its faster-rcnn_r50_fpn for ten classes, operators from torchvision",
}
PHOTOS, SIZE = 16, (100, 50)  # how many, their width and height: enough for a first batch of 8, read by 2 processes

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
MAKE_WEIGHTS = """
import sys, torch, custom.register
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
init_default_scope('mmdet')
torch.save({'state_dict': MODELS.build(Config.fromfile(sys.argv[1]).model).state_dict()}, sys.argv[2])
"""
RUN_STOCK = """
import runpy, sys
from custom.models.mmcv_ops import serve_mmcv_ops
serve_mmcv_ops()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def prepare(rival: str, settings: Settings) -> Prepared:
    """Make photos, a config and random weights; every round is a process of its own."""
    folder = Path(settings.scratch, rival)
    data = Path(settings.scratch, 'data')
    if not data.exists():
        _draw_photos(data)
    folder.mkdir()
    config, weights = str(folder / 'config.py'), str(folder / 'weights.pth')
    text = {'ours': OURS, 'stock': STOCK}[rival].format(root=str(ROOT), data=str(data))
    Path(config).write_text(text, encoding='utf-8')
    _wait_for([sys.executable, '-c', MAKE_WEIGHTS, config, weights], folder)
    if rival == 'ours':
        arguments = [str(ROOT / 'tools/test.py'), config, weights, '--split', 'valid', '--work-dir', 'work']
        command = [sys.executable, *arguments, '--cfg-options', f'data_root={data}']
    else:
        spec = importlib.util.find_spec('mmdet')
        folders = (spec and spec.submodule_search_locations) or ['no mmdet here: make setup']
        script = str(Path(folders[0], '.mim/tools/test.py'))
        command = [sys.executable, '-c', RUN_STOCK, script, config, weights, '--work-dir', 'work']

    def run() -> int:
        _wait_for(command, folder)
        return 1

    return Prepared(run)


def _draw_photos(data: Path) -> None:
    import numpy as np
    from PIL import Image

    (data / 'valid').mkdir(parents=True)
    rng, (width, height) = np.random.default_rng(0), SIZE
    images, boxes = [], []
    for i in range(1, PHOTOS + 1):
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(data / f'valid/{i}.png')
        images.append({'id': i, 'file_name': f'{i}.png', 'width': width, 'height': height})
        box = {'id': i, 'image_id': i, 'category_id': i % 10 + 1, 'bbox': [20, 10, 15, 30], 'area': 450, 'iscrowd': 0}
        boxes.append(box)
    categories = [{'id': digit + 1, 'name': str(digit)} for digit in range(10)]
    content = {'images': images, 'annotations': boxes, 'categories': categories}
    (data / 'valid.json').write_text(json.dumps(content), encoding='utf-8')


def _wait_for(command: list[str], folder: Path) -> None:
    """Run a program that ends by itself or with its first batch, and end what it has left behind.

    Raises:
        UserError: it failed.
    """
    with (folder / 'stderr').open('w+b') as errors:
        # A session of its own: the processes that read photos stay when their parent ends where they are in use.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if code:
            errors.seek(0)
            lines = errors.read().decode('utf-8', 'replace').split('\n')
            raise UserError(next((line for line in reversed(lines) if line.strip()), f'exit code {code}'))
