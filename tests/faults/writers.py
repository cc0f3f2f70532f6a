"""Full disk, disk that becomes full, and read-only folder for every tool that writes.

The tool must end with one line that names the place, and leave no file there.
"""

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from helpers.project import FAST
from helpers.svhn_files import write_part

from .campaign import LITE, Fault, Scene, make_read_only, small_disk

ROOM = 40  # kilobytes that a disk has left which becomes full while a tool writes


def _test(scene: Scene, out: Path) -> list[object]:
    photos = [scene.trained / 'epoch_2.pth', '--split', 'valid', '--no-tta']
    return ['test.py', LITE, *photos, '--work-dir', out / 'run', '--cfg-options', f'data_root={scene.root}', *FAST]


def _labels(scene: Scene) -> list[object]:
    return ['--src', scene.root / 'train.json', '--images', scene.root / 'train', '--valid-fraction', 0.5]


def _numbers(scene: Scene) -> list[object]:
    def write(folder: Path) -> Path:
        rows = [f'{path.name},{number}' for number, path in enumerate(sorted((scene.root / 'train').iterdir()))]
        (folder / 'numbers.csv').write_text('\n'.join(['file,number', *rows]))
        return folder / 'numbers.csv'

    source = scene.once('numbers', write)
    return ['--src', source, '--images', scene.root / 'train', '--valid-fraction', 0.5, '--ignore-copies']


def _svhn(scene: Scene) -> list[object]:
    def write(folder: Path) -> Path:
        write_part(folder / 'source/train', ['12', '305', '7', '90'])
        return folder / 'source'

    return ['--src', scene.once('svhn', write), '--valid-fraction', 0.5, '--ignore-copies']


def _scored(scene: Scene) -> list[object]:
    return [scene.dumped / 'pred.json', scene.root / 'valid.json']


WRITERS: dict[str, Callable[[Scene, Path], list[object]]] = {
    'train': lambda scene, out: ['train.py', *scene.train_arguments(out / 'run')],
    'test': _test,
    'test --dump': lambda scene, out: ['test.py', *scene.dump_arguments(out / 'set')],
    'dump_results': lambda scene, out: [
        *('dump_results.py', scene.dumped / 'pred.json', '--ann', scene.root / 'valid.json', '--out', out / 'set')
    ],
    'report': lambda scene, out: [
        *('report.py', *_scored(scene), '--images', scene.root / 'valid', '--out', out / 'page.html')
    ],
    'draw_detections': lambda scene, out: [
        *('draw_detections.py', scene.dumped / 'pred.json', '--images', scene.root / 'valid', '--out', out / 'a.png')
    ],
    'tune_reader': lambda scene, out: ['tune_reader.py', *_scored(scene), '--out', out / 'reader.json'],
    'fuse_results': lambda scene, out: ['fuse_results.py', *[scene.dumped / 'pred.json'] * 2, '--out', out / 'fused'],
    'export_weights': lambda scene, out: ['export_weights.py', scene.trained / 'epoch_2.pth', out / 'w.safetensors'],
    'export_onnx': lambda scene, out: ['export_onnx.py', LITE, scene.trained / 'epoch_2.pth', out / 'w.onnx'],
    'predict': lambda scene, out: ['predict.py', scene.root / 'valid', '--out', out / 'read'],
    'predict --labels': lambda scene, out: [
        *('predict.py', scene.root / 'valid', '--labels', 'coco', '--out', out / 'read')
    ],
    'coco': lambda scene, out: ['prepare_data.py', 'coco', *_labels(scene), '--ignore-copies', '--out', out / 'set'],
    'numbers': lambda scene, out: ['prepare_data.py', 'numbers', *_numbers(scene), '--out', out / 'set'],
    'svhn': lambda scene, out: ['prepare_data.py', 'svhn', *_svhn(scene), '--out', out / 'set'],
    'split': lambda scene, out: [
        *('prepare_data.py', 'split', scene.root / 'train', '--ann', scene.root / 'train.json'),
        *('--valid-fraction', 0.5, '--ignore-copies', '--out', out / 'set'),
    ],
    'check': lambda scene, out: ['prepare_data.py', 'check', scene.root, '--out', out / 'sheets'],
    'synth': lambda scene, out: ['prepare_data.py', 'synth', '--images', 40, '--workers', 1, '--out', out / 'set'],
}


def fill(disk: Path, spare: int = 0) -> None:
    """Fill a disk, but for `spare` kilobytes."""
    with (disk / 'spare').open('wb', buffering=0) as file:
        file.write(b'x' * spare * 1024)
    with (disk / 'filler').open('wb', buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b'x' * 4096):
            pass
    (disk / 'spare').unlink()


def full_disk(name: str, spare: int, scene: Scene, folder: Path) -> None:
    """Run a writer on a disk with `spare` kilobytes left."""
    with small_disk(folder / 'disk', 1) as disk:
        fill(disk, spare)
        scene.tool(*WRITERS[name](scene, disk)).must_refuse(str(disk))
        # A training that has started keeps its log.
        left = [path.name for path in disk.iterdir() if path.name not in ('filler', 'run' if spare else '')]
        assert not left, f'left behind: {left}'


def read_only(name: str, scene: Scene, folder: Path) -> None:
    """Run a writer on a read-only disk."""
    with small_disk(folder / 'disk', 1) as disk:
        make_read_only(disk)
        scene.tool(*WRITERS[name](scene, disk)).must_refuse(str(disk))


def faults() -> Iterable[Fault]:
    """List the faults of each writer."""
    for name in WRITERS:
        yield Fault(f'{name}, full disk', partial(full_disk, name, 0), 4)
        yield Fault(f'{name}, read-only folder', partial(read_only, name), 4)
    for name in ('train', 'test --dump', 'report', 'export_weights', 'export_onnx', 'synth'):
        yield Fault(f'{name}, disk that becomes full', partial(full_disk, name, ROOM), 6)
