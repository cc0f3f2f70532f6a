"""`DigitReader`, which reads the numbers in photos."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import MODELS, TRANSFORMS
from mmengine.registry import init_default_scope

from . import register  # noqa: F401 - replaces mmcv's operators and registers the classes of configs
from .engine.builders import NoRandomWeights, building_from
from .inference.multiview import View
from .inference.options import ReadingOptions, Rotation
from .inference.reader import PhotoReader
from .models.batch_norm import fold_batch_norm
from .models.checkpoints import load_checkpoint, load_weights
from .models.reader_of_weights import choose_reader
from .models.tta import ModelDetector, use_views, view_of
from .runs.config import load_config
from .runs.dumped_config import prepare_dumped, read_dumped
from .runs.named_files import config_beside, find_checkpoint
from .utils.errors import UserError
from .utils.messages import one_line

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/digits_frcnn_lite.py'
WEIGHTS = ROOT / 'weights/digits_frcnn_lite.safetensors'


def _files(config: str | os.PathLike | None, checkpoint: str | os.PathLike | None) -> tuple[Path, Path]:
    """Return the files of config and weights; a work dir's config is taken, but not one in any other folder."""
    path = WEIGHTS if checkpoint is None else find_checkpoint(checkpoint)
    return Path(config or (checkpoint and config_beside(path)) or CONFIG), path


class DigitReader(PhotoReader):
    """A model with the reader settings and the test-time augmentation that were tuned for its weights.

    Arrays of pixels are RGB. OpenCV reads BGR: pass `pixels[..., ::-1]`.

    Args:
        config: a config file, its name in configs/, or a work dir. Defaults to None, the config in the checkpoint's
            work dir, else the light model's.
        checkpoint: a file of weights, a work dir with a best checkpoint, or the name of a config that was trained in
            work_dirs/. Defaults to None, the project's weights.
        reader: a reader.json, or 'none' for the config's thresholds. Defaults to None, the one tuned for the weights.
        device: torch's name of a device. Defaults to None, a GPU if there is one.
        batch_size: number of photos in a batch of the model. Defaults to 16.
        rotate, crop, digits, decimals: what is known about the photos, see `ReadingOptions`. By default nothing.

    Raises:
        UserError: a file is missing or damaged, several configs are beside the checkpoint, config and weights do not
            fit, torch cannot use the device, or an option is out of range.

    Example:
        >>> from custom import DigitReader
        >>> reader = DigitReader()  # doctest: +SKIP
        >>> reader.read('house.jpg').number  # doctest: +SKIP
        '183'
    """

    def __init__(
        self,
        config: str | os.PathLike | None = None,
        checkpoint: str | os.PathLike | None = None,
        reader: str | None = None,
        device: str | None = None,
        batch_size: int = 16,
        *,
        rotate: Rotation = 0,
        crop: tuple[int, int, int, int] | None = None,
        digits: int | None = None,
        decimals: int = 0,
    ) -> None:
        options = ReadingOptions(rotate, crop, digits, decimals)
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        try:
            torch.empty(0, device=device)
        except (AssertionError, RuntimeError) as error:
            reason = one_line(str(error).partition('.')[0])
            raise UserError(f'device={device!r}: torch cannot use it ({reason}); give cpu, or leave it out') from None
        named = config is not None
        config, checkpoint = _files(config, checkpoint)
        if named or config == CONFIG:
            cfg = load_config(config)
        else:  # a work dir may come from others: its config is not run
            cfg = read_dumped(config)
            prepare_dumped(cfg)
        if missing := {'default_scope', 'model', 'test_dataloader', 'test_evaluator'} - set(cfg):
            raise UserError(f'{config}: is no config to test with, it has no {", ".join(sorted(missing))}')
        init_default_scope(cfg.default_scope)
        with building_from(cfg):
            content = load_checkpoint(checkpoint, mapped=True)
            self.choice = choose_reader(cfg, checkpoint, reader, content)
            settings = self.choice.reader
            use_views(cfg, settings.views)
            pipeline = copy.deepcopy(cfg.test_dataloader.dataset.pipeline)
            if pipeline[0]['type'] != 'LoadPhoto':
                raise UserError(f'{config}: its test pipeline must begin with LoadPhoto, not {pipeline[0]["type"]}')
            self.pipeline = Compose([TRANSFORMS.build(step) for step in pipeline[1:]])
            with NoRandomWeights():
                model = MODELS.build(cfg.model)
            load_weights(model, checkpoint, content)
            fold_batch_norm(model)
            model.to(device).eval()
            has_tta = settings.views.scales
            multiview = MODELS.build({**cfg.tta_model, 'module': model}).multiview if has_tta else None
        super().__init__(ModelDetector(model), self._view, settings, multiview, batch_size, options)

    def _view(self, photo: np.ndarray) -> View:
        shape = photo.shape[:2]
        try:  # MMDetection's transforms want BGR
            item = self.pipeline({'img': photo[..., ::-1], 'img_shape': shape, 'ori_shape': shape, 'img_id': 0})
        except cv2.error:  # 4000 x 1 pixels, say
            raise UserError(f'{shape[1]}x{shape[0]} pixels are too thin to be scaled; cut the photo') from None
        return view_of(item['inputs'], item['data_samples'])
