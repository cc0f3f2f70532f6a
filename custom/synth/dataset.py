"""A made data set of house-number photos, in the layout of the real one.

    ROOT/train/*.png  ROOT/valid/*.png  ROOT/test/*.png  ROOT/train.json  ROOT/valid.json  ROOT/synth.json

`test` has no annotations, as in the real set. `synth.json` says what the set was made from. Every photo shows a number.
A photo depends on the seed, the hardness, its split, its number, the installed fonts and the photos that lend their
backgrounds, and on nothing else: not on how many are made, nor by how many processes.
"""

import contextlib
import functools
import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ..data.coco_writing import coco_json
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.files import building, is_free, parse_json
from .fonts import Face, digit_faces
from .scene import draw_scene
from .walls import background_files, describe_backgrounds

VERSION = 3  # raised whenever the same parameters give other photos
SPLITS = ('train', 'valid', 'test')
FEWEST_IMAGES = 10


@dataclass(frozen=True)
class SynthConfig:
    """What to make.

    Attributes:
        images: Photos in all splits together, at least 10.
        seed: Not negative.
        hardness: 0 (clean and frontal) to 1 (to train for real photos). Defaults to 1.0.
        valid_fraction: Share of the photos in valid, at least one photo. Defaults to 0.1.
        test_fraction: Share of the photos in test, at least one photo. Defaults to 0.1.
        backgrounds: A folder of real photos whose sides half of the photos show as walls. Defaults to None.

    Raises:
        UserError: a value is out of its range, no photo is left for train, or `backgrounds` holds no photo.
    """

    images: int
    seed: int = 0
    hardness: float = 1.0
    valid_fraction: float = 0.1
    test_fraction: float = 0.1
    backgrounds: str | None = None

    def __post_init__(self) -> None:
        if self.images < FEWEST_IMAGES:
            raise UserError(f'images={self.images}: too few for three splits; ask for {FEWEST_IMAGES} or more')
        if self.seed < 0:
            raise UserError(f'seed={self.seed}: must be 0 or more')
        if not 0 <= self.hardness <= 1:
            raise UserError(f'hardness={self.hardness}: must be from 0 to 1')
        for name, share in (('valid', self.valid_fraction), ('test', self.test_fraction)):
            if not 0 < share < 1:
                raise UserError(f'{name} fraction {share}: must be between 0 and 1')
        if self.sizes['train'] < 1:
            raise UserError('no photo is left for train: lower the fractions of valid and test')
        if self.backgrounds:
            background_files(self.backgrounds)

    @property
    def sizes(self) -> dict[str, int]:
        """Photos of each split.

        Example:
            >>> SynthConfig(images=100).sizes
            {'train': 80, 'valid': 10, 'test': 10}
        """
        valid, test = (max(1, round(self.images * share)) for share in (self.valid_fraction, self.test_fraction))
        return {'train': self.images - valid - test, 'valid': valid, 'test': test}


def _start_worker() -> None:
    cv2.setNumThreads(1)  # the processes share the cores already
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the pool


def _draw_file(folder: str, split: str, image_id: int, config: SynthConfig, faces: Sequence[Face]) -> dict:
    """Write one photo; returns its id, name, size, boxes (xywh) and digits."""
    rng = np.random.default_rng([config.seed, SPLITS.index(split), image_id])
    files = background_files(config.backgrounds) if config.backgrounds else ()
    scene = draw_scene(rng, faces, config.hardness, files)
    path = Path(folder, split, f'{image_id}.png')
    path.write_bytes(cv2.imencode('.png', scene.image[..., ::-1])[1].tobytes())
    height, width = scene.image.shape[:2]
    photo = {'id': image_id, 'file_name': path.name, 'width': width, 'height': height}
    return {**photo, 'bboxes': scene.bboxes.tolist(), 'labels': scene.labels.tolist()}


def _record(config: SynthConfig, faces: Sequence[Face]) -> dict:
    """What `synth.json` says: parameters, version, fonts and backgrounds (not the folders they lie in)."""
    names = [[Path(face.path).name, *face.axes] for face in faces]
    digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    record = {'version': VERSION, **asdict(config), 'fonts': len(faces), 'fonts_sha256': digest}
    return record | {'backgrounds': describe_backgrounds(config.backgrounds) if config.backgrounds else None}


def _is_there(out: Path, record: dict) -> bool:
    """Whether `out` holds this very data set; False where it is free.

    Raises:
        UserError: something else lies there.
    """
    if is_free(out):
        return False
    with contextlib.suppress(OSError, ValueError):
        if parse_json((out / 'synth.json').read_text()) == record:
            return True
    raise UserError(f'{out}: holds something else; choose another folder, or remove it')


def write_dataset(out: str | os.PathLike, config: SynthConfig, workers: int | None = None) -> bool:
    """Make the data set; shows progress on stderr when it takes more than two seconds.

    Args:
        out: A folder that is not there yet or empty.
        config: What to make.
        workers: Processes. Defaults to None (one a core).

    Returns:
        Whether it was made; False when `out` holds the same data set already.

    Raises:
        UserError: `out` holds something else or cannot be written to, `workers` is below 1, or no font is installed.
    """
    if workers is not None and workers < 1:
        raise UserError(f'workers={workers}: must be 1 or more')
    out = Path(out)
    faces = digit_faces()
    record = _record(config, faces)
    if _is_there(out, record):
        return False
    with building(out) as folder:
        # OpenCV's threads do not survive a fork, hence spawn.
        context = multiprocessing.get_context('spawn')
        pool = ProcessPoolExecutor(workers or usable_cores(), context, _start_worker)
        try:
            with tqdm(total=config.images, unit=' photos', delay=2, disable=None) as bar:
                for split, count in config.sizes.items():
                    (folder / split).mkdir()
                    draw = functools.partial(_draw_file, str(folder), split, config=config, faces=faces)
                    rows = []
                    for row in pool.map(draw, range(1, count + 1), chunksize=8):
                        rows.append(row)
                        bar.update()
                    if split != 'test':
                        (folder / f'{split}.json').write_text(json.dumps(coco_json(rows)))
        finally:
            pool.shutdown(cancel_futures=True)
        (folder / 'synth.json').write_text(json.dumps(record, indent=2) + '\n')
    return True
