"""A tiny set of photos with predictions for the tests of the report, and a page taken apart."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.project import ROOT, coco

# What must stay text: as a file's name each is one that a person could have.
HOSTILE = [
    '<script>alert(1)</script>.png',
    '"><img src=x onerror=alert(1)>.png',
    'it\'s "quoted" & odd.png',
    'new\nline.png',
    '数字 αβγ ١٢.png',
    'plain.png',
]
# True and read numbers of the photos; a digit's box is 10 px wide, at 5, 20 and 35.
NUMBERS = [('71', '11'), ('5', '53'), ('304', '34'), ('8', ''), ('20', '20'), ('9', '9')]
SCORES = [0.99, 0.9, 0.8, 0.0, 0.95, 0.97]


def left_edges(number: str, of: str) -> list[int]:
    """Where the digits of a number stand: '34' read of '304' leaves a gap."""
    if (number, of) == ('34', '304'):
        return [5, 35]
    return [5 + 15 * i for i in range(len(number))]


def write_photos(folder: Path, names: list[str] = HOSTILE) -> None:
    """Grey noise of 60 x 40 pixels under each name."""
    rng = np.random.default_rng(0)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(path)


def write_scene(root: Path, names: list[str] = HOSTILE) -> tuple[Path, Path]:
    """Photos in root/valid, their truth in root/valid.json; returns out/pred.json and that."""
    write_photos(root / 'valid', names)
    images, truth, found = [], [], []
    for i, (name, (true, read), score) in enumerate(zip(names, NUMBERS, SCORES, strict=True), start=1):
        images.append({'id': i, 'file_name': name, 'width': 60, 'height': 40})
        for digit, left in zip(true, left_edges(true, true), strict=True):
            box = {'image_id': i, 'category_id': int(digit) + 1, 'bbox': [left, 10, 10, 20]}
            truth.append(box | {'id': len(truth) + 1, 'area': 200, 'iscrowd': 0})
        for digit, left in zip(read, left_edges(read, true), strict=True):
            box = {'image_id': i, 'category_id': int(digit) + 1, 'bbox': [left, 10, 10, 20]}
            found.append(box | {'score': score})
    categories = [{'id': digit + 1, 'name': str(digit)} for digit in range(10)]
    categories.append({'id': 99, 'name': '<b>no digit</b>'})
    (root / 'valid.json').write_text(json.dumps(coco(images, truth, categories)))
    (root / 'out').mkdir()
    (root / 'out' / 'pred.json').write_text(json.dumps(found))
    return root / 'out' / 'pred.json', root / 'valid.json'


def write_run(root: Path, names: list[str] = HOSTILE) -> Path:
    """The scene as a training run that was resumed once, its predictions in work/valid; returns the work dir."""
    from mmengine.config import Config

    pred_json, _ = write_scene(root, names)
    work = root / 'work <dir>'
    work.mkdir()
    pred_json.parent.rename(work / 'valid')
    config = Config.fromfile(ROOT / 'configs' / 'digits_frcnn_lite.py', import_custom_modules=False)
    config.merge_from_dict({'val_dataloader.dataset.data_root': str(root), 'train_cfg.max_epochs': 7})
    config.dump(work / 'digits_frcnn_lite.py')
    environment = ['command: tools/train.py "<b>" ' + 'x' * 200, 'commit: abc', 'torch: 2.0', 'no pair', '']
    (work / 'environment.txt').write_text('\n'.join(environment))
    for name, times, epochs in (
        ('20260101_080000', ('08:00:00', '09:30:05'), (1, 2)),
        ('20260102_080000', ('08:00:00', '08:10:00'), (3,)),
    ):
        (work / name / 'vis_data').mkdir(parents=True)
        day = f'{name[:4]}/{name[4:6]}/{name[6:8]}'
        lines = [f'{day} {time} - mmengine - INFO - line' for time in times]
        (work / name / f'{name}.log').write_text('\n'.join([lines[0], 'System environment:', lines[1], '']))
        rows = []
        for epoch in epochs:
            for step in (100 * epoch - 50, 100 * epoch):
                losses = {'loss': 2 / step, 'loss_cls': 1 / step, 'loss_bbox': 1 / step}
                rows.append(losses | {'lr': 0.01 / epoch, 'epoch': epoch, 'iter': step, 'step': step})
            rows.append({'number/accuracy': epoch / 4, 'digits/AP': 0.1, 'digits/AP50': 0.2, 'step': epoch})
        (work / name / 'vis_data' / 'scalars.json').write_text('\n'.join(map(json.dumps, rows)))
    return work


class Page(HTMLParser):
    """The elements of a page as (tag, attributes), and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.source = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ''
        self._open: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (['script'], ['style']):
            self.text = f'{self.text} {" ".join(data.split())}'.strip() if data.strip() else self.text

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self) -> list[str]:
        """The id of every element that has one."""
        return [attributes['id'] or '' for _, attributes in self.elements if 'id' in attributes]
