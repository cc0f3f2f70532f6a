"""The project's root, its tools as subprocesses, and COCO dicts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from helpers import forks

ROOT = Path(__file__).resolve().parents[2]
# Options of a short run of configs/digits_frcnn_lite.py.
FAST = [
    'model.backbone.init_cfg=None',
    'model.backbone.frozen_stages=-1',
    'train_dataloader.batch_size=2',
    *(
        f'{name}_dataloader.{key}'
        for name in ('train', 'val', 'test')
        for key in ('num_workers=0', 'persistent_workers=False')
    ),
]


def run_tool(
    name: str, *args: object, cwd: Path = ROOT, fresh: bool = False, **env: str
) -> subprocess.CompletedProcess:
    """Run `tools/<name>` as a person would; paths in `args` are turned to text.

    Its process is a fork of one that has imported the libraries. With `fresh` it is a new Python process.
    """
    command = [sys.executable, str(ROOT / 'tools' / name), *map(str, args)]
    whole = {**os.environ, **env}
    if fresh:
        return subprocess.run(command, cwd=cwd, env=whole, capture_output=True, text=True, timeout=600)
    codes, out, err = forks.SERVER.run(command[1:], [cwd], [whole], 600)
    return subprocess.CompletedProcess(command, codes[0], out[0], err[0])


def run_python(code: str) -> list[str]:
    """The words that a Python program prints, which runs in a process of its own and must not fail."""
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def coco(images: list[dict], annotations: list[dict], categories: list[dict] | None = None) -> dict:
    """A COCO dict with the ten digits as categories 1 to 10, unless others are given."""
    if categories is None:
        categories = [{'id': digit + 1, 'name': str(digit)} for digit in range(10)]
    return {'images': images, 'annotations': annotations, 'categories': categories}


def make_tiny_root(root: Path) -> Path:
    """Make a data root: 6 photos to train on, 3 to validate, 2 unlabelled; 40 x 20 px, two boxes on each."""
    rng = np.random.default_rng(0)
    for split, count in (('train', 6), ('valid', 3), ('test', 2)):
        (root / split).mkdir()
        images, annotations = [], []
        for image_id in range(1, count + 1):
            pixels = rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / split / f'{image_id}.png')
            images.append({'id': image_id, 'file_name': f'{image_id}.png', 'width': 40, 'height': 20})
            for left, digit in ((5, image_id % 10), (20, 0)):
                box = {'id': len(annotations) + 1, 'image_id': image_id, 'category_id': digit + 1}
                annotations.append(box | {'bbox': [left, 4, 8, 12], 'area': 96, 'iscrowd': 0})
        if split != 'test':
            (root / f'{split}.json').write_text(json.dumps(coco(images, annotations)))
    return root
