"""Synthetic data set, in the layout of the real one.

    ROOT/train/*.png  ROOT/valid/*.png  ROOT/test/*.png  ROOT/train.json  ROOT/valid.json  ROOT/synth.json

`test` has no annotations, as in the real set. `synth.json` records the parameters. Images of the domain `empty` have no
digit, so the json lists them without annotations. An image depends only on the seed, the hardness, its split, its
number, the weights of the domains, the installed fonts, the photos of the backgrounds and the digit crops. It does not
depend on the number of images or of processes. Its domain depends on the seed, its split, its number and the weights.
"""

import contextlib
import functools
import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ..data.coco_writing import coco_json
from ..data.layout import SPLITS
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.files import building, is_free, parse_json, read_file
from ..utils.processes import end_with_parent
from ..utils.validation import require_number
from .crops import describe_digit_crops, digit_crops
from .domains import DOMAINS
from .fonts import digit_faces
from .scene import Assets
from .walls import background_files, describe_backgrounds

VERSION = 5  # raised whenever the same parameters give other images
# Parameters that older versions of `synth.json` do not record, with the values that they had.
UNRECORDED = {'domains': {'houses': 1.0}, 'digit_crops': None}


@dataclass(frozen=True)
class SynthConfig:
    """Parameters of a synthetic data set.

    Attributes:
        images: number of images in all splits together, at least 10.
        seed: not negative.
        hardness: 0 (clean and frontal) to 1 (to train for real photos). Defaults to 1.0.
        valid_fraction, test_fraction: share of the images in each split, at least one image. Defaults to 0.1.
        backgrounds: folder of real photos whose sides half of the images show as walls. Defaults to None.
        domains: weight of each domain, a name of `DOMAINS`; its share of the images is its weight over their sum.
            Defaults to house numbers only.
        digit_crops: folder of photos of single digits, for registers, see `custom.synth.crops`. Defaults to None.

    Raises:
        UserError: a value is out of its range, no image is left for train, `backgrounds` holds no photo, a domain is
            unknown, or `digit_crops` holds no labelled photo.
    """

    images: int
    seed: int = 0
    hardness: float = 1.0
    valid_fraction: float = 0.1
    test_fraction: float = 0.1
    backgrounds: str | None = None
    domains: Mapping[str, float] = field(default_factory=lambda: {'houses': 1.0})
    digit_crops: str | None = None

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
        _check_domains(self.domains)
        if self.digit_crops:
            digit_crops(self.digit_crops)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of images in each split.

        Example:
            >>> SynthConfig(images=100).sizes
            {'train': 80, 'valid': 10, 'test': 10}
        """
        valid, test = (max(1, round(self.images * share)) for share in (self.valid_fraction, self.test_fraction))
        return {'train': self.images - valid - test, 'valid': valid, 'test': test}


def _check_domains(domains: Mapping[str, float]) -> None:
    if not domains:
        raise UserError(f'domains: none is given; choose from {", ".join(DOMAINS)}')
    for name, weight in domains.items():
        if name not in DOMAINS:
            raise UserError(f'domain {name!r}: unknown; choose from {", ".join(DOMAINS)}')
        require_number(f'domain {name}', weight, 0)
        if not weight:
            raise UserError(f'domain {name}={weight!r}: must be above 0; leave out a domain that is not wanted')


def parse_domains(text: str) -> dict[str, float]:
    """Parse the value of `--domains NAME=WEIGHT,…`; `SynthConfig` checks names and weights.

    Raises:
        UserError: a part has another form, or a name is given twice.

    Example:
        >>> parse_domains('houses=4,empty=0.5')
        {'houses': 4.0, 'empty': 0.5}
    """
    domains: dict[str, float] = {}
    for part in text.split(','):
        name, _, weight = (word.strip() for word in part.partition('='))
        if name in domains:
            raise UserError(f'--domains: {name!r} is there twice; give each name once')
        try:
            domains[name] = float(weight)
        except ValueError:
            raise UserError(f'--domains {part.strip()!r}: must be NAME=WEIGHT, as in houses=4,empty=1') from None
    return domains


def choose_domain(config: SynthConfig, split: str, image_id: int) -> str:
    """Draw the domain of an image, whose drawing has a source of randomness of its own."""
    names = sorted(config.domains)
    weights = np.array([config.domains[name] for name in names])
    rng = np.random.default_rng([config.seed, SPLITS.index(split), image_id, 1])
    return names[rng.choice(len(names), p=weights / weights.sum())]


def _start_worker() -> None:
    end_with_parent()
    cv2.setNumThreads(1)  # the processes share the cores already
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the pool


def _draw_file(folder: str, split: str, image_id: int, config: SynthConfig, assets: Assets) -> dict:
    """Write an image; return its id, name, size, boxes (xywh) and digits."""
    rng = np.random.default_rng([config.seed, SPLITS.index(split), image_id])
    draw = DOMAINS[choose_domain(config, split, image_id)]
    image, bboxes, labels = draw(rng, assets, config.hardness)
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
    crops = describe_digit_crops(config.digit_crops) if config.digit_crops else None
    folders = {'backgrounds': backgrounds, 'digit_crops': crops}  # their content, not their paths
    record = {'version': VERSION, **asdict(config), **fonts, **folders}
    assets = Assets(
        faces,
        background_files(config.backgrounds) if config.backgrounds else (),
        digit_crops(config.digit_crops) if config.digit_crops else (),
    )
    if not is_free(out):
        with contextlib.suppress(OSError, ValueError, TypeError):
            if UNRECORDED | dict(parse_json(read_file(out / 'synth.json'))) == record:
                return False
        raise UserError(f'{out}: holds something else; choose another folder, or remove it')
    with building(out) as folder:
        # OpenCV's threads do not survive a fork, hence spawn.
        pool = ProcessPoolExecutor(workers or usable_cores(), multiprocessing.get_context('spawn'), _start_worker)
        try:
            with tqdm(total=config.images, unit=' images', delay=2, disable=None) as bar:
                for split, count in config.sizes.items():
                    (folder / split).mkdir()
                    draw = functools.partial(_draw_file, str(folder), split, config=config, assets=assets)
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
