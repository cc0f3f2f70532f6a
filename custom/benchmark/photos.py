"""The photos that the benchmarks train and infer on."""

import copy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..utils.errors import UserError
from .compare import Settings

if TYPE_CHECKING:
    from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
DRAWN = 64


def config_of(name: str) -> 'Config':
    """A file of configs/, without the ImageNet weights."""
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    from .. import register  # noqa: F401 - serves mmcv's operators and registers what configs name

    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    cfg.model.backbone.init_cfg = None
    return cfg


def photos_of(settings: Settings) -> tuple[Path, Path | None]:
    """A folder of photos, and a COCO json of them where there is one: DIR.json, beside the folder DIR.

    Those that the user names; else generated ones, drawn by the first contestant.
    """
    if settings.images:
        folder = Path(settings.images)
        beside = folder.resolve().with_suffix('.json')
        return folder, beside if beside.is_file() else None
    from ..synth.dataset import SynthConfig, write_dataset

    drawn = Path(settings.scratch, 'photos')
    if not drawn.is_dir():
        write_dataset(drawn, SynthConfig(images=DRAWN), workers=1)
    return drawn / 'train', drawn / 'train.json'


def for_inference(cfg: 'Config', settings: Settings, count: int) -> list[dict[str, Any]]:
    """Photos as the test pipeline of `cfg` gives them to the model, with the truth where it is known."""
    from mmdet.registry import DATASETS

    folder, annotations = photos_of(settings)
    dataset = copy.deepcopy(cfg.test_dataloader.dataset)
    truth = {'type': 'DigitDataset', 'ann_file': str(annotations)} if annotations else {'type': 'DigitFolder'}
    dataset.update(data_root='', data_prefix={'img': str(folder)}, **truth)
    photos = DATASETS.build(dataset)
    count = min(count, len(photos))
    return [photos[i * len(photos) // count] for i in range(count)]


def for_training(cfg: 'Config', settings: Settings, count: int) -> tuple[list[dict[str, Any]], float]:
    """Photos as the training pipeline of `cfg` gives them to the model, and how many it makes in a second of a core.

    Raises:
        UserError: the photos have no labels.
    """
    import numpy as np
    import torch
    from mmdet.registry import DATASETS

    from ..models.numerics import one_thread

    folder, annotations = photos_of(settings)
    if annotations is None:
        raise UserError(f'{folder}: training wants labels; put {folder.resolve().with_suffix(".json")} beside it')
    dataset = copy.deepcopy(cfg.train_dataloader.dataset)
    dataset.update(data_root='', ann_file=str(annotations), data_prefix={'img': str(folder)})
    photos = DATASETS.build(dataset)
    np.random.seed(0)
    torch.manual_seed(0)
    chosen = [i * len(photos) // count for i in range(count)]
    made = [photos[i] for i in chosen]
    with one_thread():
        start = time.process_time()
        for i in chosen:
            photos[i]
        spent = time.process_time() - start
    return made, len(chosen) / spent
