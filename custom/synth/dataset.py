"""Synthetic data set of house numbers, in the layout of the real one.

    ROOT/train/*.png  ROOT/valid/*.png  ROOT/test/*.png  ROOT/train.json  ROOT/valid.json  ROOT/synth.json

`test` has no annotations, as in the real set. `synth.json` records the parameters. Every image shows a number. An image
depends only on the seed, the hardness, its split, its number, the installed fonts and the photos of the backgrounds. It
does not depend on the number of images or of processes.
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
from ..data.layout import SPLITS
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.files import building, is_free, parse_json
from ..utils.validation import require_number
from .fonts import Face, digit_faces
from .scene import draw_scene
from .walls import background_files, describe_backgrounds

VERSION = 3  # raised whenever the same parameters give other images


@dataclass(frozen=True)
class SynthConfig:
    """Parameters of a synthetic data set.

    Attributes:
        images: number of images in all splits together, at least 10.
        seed: not negative.
        hardness: 0 (clean and frontal) to 1 (to train for real photos). Defaults to 1.0.
        valid_fraction, test_fraction: share of the images in each split, at least one image. Defaults to 0.1.
        backgrounds: folder of real photos whose sides half of the images show as walls. Defaults to None.

    Raises:
        UserError: a value is out of its range, no image is left for train, or `backgrounds` holds no photo.
    """

    images: int
    seed: int = 0
    hardness: float = 1.0
    valid_fraction: float = 0.1
    test_fraction: float = 0.1
    backgrounds: str | None = None

    def __post_init__(self) -> None:
        require_number('images', self.images, 10)  # so that three splits have some
        require_number('seed', self.seed, 0)
        require_number('hardness', self.hardness, 0, 1)
        for name, share in (('valid', self.valid_fraction), ('test', self.test_fraction)):
            if not 0 < share < 1:
                raise UserError(f'{name} fraction {share}: must be between 0 and 1')
        if self.sizes['train'] < 1:
            raise UserError('no image is left for train: lower the fractions of valid and test')
        if self.backgrounds:
            background_files(self.backgrounds)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of images in each split.

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
    """Write an image; return its id, name, size, boxes (xywh) and digits."""
    rng = np.random.default_rng([config.seed, SPLITS.index(split), image_id])
    files = background_files(config.backgrounds) if config.backgrounds else ()
    image, bboxes, labels = draw_scene(rng, faces, config.hardness, files)
    path = Path(folder, split, f'{image_id}.png')
    path.write_bytes(cv2.imencode('.png', image[..., ::-1])[1].tobytes())
    size = {'width': image.shape[1], 'height': image.shape[0]}
    return {'id': image_id, 'file_name': path.name, **size, 'bboxes': bboxes.tolist(), 'labels': labels.tolist()}


def write_dataset(out: str | os.PathLike, config: SynthConfig, workers: int | None = None) -> bool:
    """Write the data set, or return False where `out` holds the same one; show progress on stderr after two seconds.

    Args:
        out: a folder that does not exist or is empty.
        config: the parameters.
        workers: number of processes. Defaults to None (one per core).

    Raises:
        UserError: `out` holds something else or cannot be written to, `workers` is below 1, or no font is installed.
    """
    if workers is not None:
        require_number('workers', workers, 1)
    out = Path(out)
    faces = digit_faces()
    names = json.dumps([[Path(face.path).name, *face.axes] for face in faces])
    fonts = {'fonts': len(faces), 'fonts_sha256': hashlib.sha256(names.encode()).hexdigest()[:16]}
    backgrounds = describe_backgrounds(config.backgrounds) if config.backgrounds else None
    record = {'version': VERSION, **asdict(config), **fonts, 'backgrounds': backgrounds}  # without folders
    if not is_free(out):
        with contextlib.suppress(OSError, ValueError):
            if parse_json((out / 'synth.json').read_text()) == record:
                return False
        raise UserError(f'{out}: holds something else; choose another folder, or remove it')
    with building(out) as folder:
        # OpenCV's threads do not survive a fork, hence spawn.
        pool = ProcessPoolExecutor(workers or usable_cores(), multiprocessing.get_context('spawn'), _start_worker)
        try:
            with tqdm(total=config.images, unit=' images', delay=2, disable=None) as bar:
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
