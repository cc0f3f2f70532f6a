"""From photos to numbers in one call."""

from __future__ import annotations

import argparse
import copy
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmdet.registry import MODELS, TRANSFORMS
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import custom.register  # noqa: F401 (serves mmcv's operators, and registers what configs name)
from custom.boxes import filter_boxes
from custom.checkpoints import load_weights
from custom.cli import best_checkpoint, load_config
from custom.dumped_config import prepare_dumped, read_dumped
from custom.errors import UserError
from custom.folding import fold_batch_norm
from custom.geometry import xywh_to_xyxy
from custom.photo_scan import one_line
from custom.photos import read_photo
from custom.predictions import Detections
from custom.readers import choose_reader
from custom.reading import read_numbers
from custom.tta import use_views

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/digits_frcnn_lite.py'
WEIGHTS = ROOT / 'weights/digits_frcnn_lite.safetensors'
Photo = str | os.PathLike | np.ndarray


class Digit(NamedTuple):
    """One digit of a number: 0..9, its score 0..1, its box xyxy in pixels of the photo."""

    label: int
    score: float
    bbox: tuple[float, float, float, float]


class PhotoReading(NamedTuple):
    """What was read on a photo.

    Attributes:
        number: '' where there is none; leading zeros are kept.
        confidence: how likely the number is right, 0..1; calibrated where the reader is tuned.
        digits: those of the number, in reading order.
        detections: every box found, of any score; image_ids are 0.
        used: (D,) indices of the digits among them.
    """

    number: str
    confidence: float
    digits: tuple[Digit, ...]
    detections: Detections
    used: np.ndarray


def _files(config: str | os.PathLike | None, checkpoint: str | os.PathLike | None) -> tuple[Path, Path]:
    if checkpoint is None:
        return Path(config or CONFIG), WEIGHTS
    path = best_checkpoint(checkpoint) if os.path.isdir(checkpoint) else Path(checkpoint)
    # Only where training has left it: no other one is known to be the checkpoint's.
    beside = sorted(path.parent.glob('*.py')) if (path.parent / 'last_checkpoint').is_file() else []
    if config is None and len(beside) > 1:
        raise UserError(f'{path}: {len(beside)} configs lie beside it; name the one that it was trained with')
    return Path(config or (beside[0] if beside else CONFIG)), path


class DigitReader:
    """A model with the reader that was tuned for it, which also says at which sizes the model sees the photos.

    Args:
        config: a file of configs/. Defaults to None, the one in the checkpoint's work dir, else the light model's.
        checkpoint: its weights, or a work dir, whose best ones are taken. Defaults to None, those of the project.
        reader: a reader.json, or 'none' for the config's thresholds. Defaults to None, the one tuned for the weights.
        device: as torch names it. Defaults to None, a GPU where there is one.
        batch_size: photos that the model sees at a time. Defaults to 16.

    Raises:
        UserError: a file is missing or damaged, several configs lie beside the checkpoint, or it does not fit its own.

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
    ) -> None:
        named = config is not None
        config, checkpoint = _files(config, checkpoint)
        if named or config == CONFIG:
            cfg = load_config(
                argparse.Namespace(config=str(config), cfg_options=[], launcher='none', local_rank=0, work_dir=None)
            )
        else:  # of a work dir, perhaps somebody else's: it is not run
            cfg = read_dumped(config)
            prepare_dumped(cfg)
        if missing := {'default_scope', 'model', 'test_dataloader', 'test_evaluator'} - set(cfg):
            raise UserError(f'{config}: is no config to test with, it has no {", ".join(sorted(missing))}')
        init_default_scope(cfg.default_scope)
        self.found = choose_reader(cfg, checkpoint, reader)
        self.batch_size = batch_size
        use_views(cfg, self.found.reader.views)
        pipeline = copy.deepcopy(cfg.test_dataloader.dataset.pipeline)
        if pipeline[0]['type'] != 'LoadPhoto':
            raise UserError(f'{config}: its test pipeline must begin with LoadPhoto, not {pipeline[0]["type"]}')
        self.pipeline = Compose([TRANSFORMS.build(step) for step in pipeline[1:]])
        self.model = MODELS.build(cfg.model)
        load_weights(self.model, checkpoint)
        fold_batch_norm(self.model)
        if self.found.reader.views.scales:
            self.model = MODELS.build({**cfg.tta_model, 'module': self.model})
        self.model.to(device or ('cuda' if torch.cuda.is_available() else 'cpu')).eval()

    def read(self, photo: Photo) -> PhotoReading:
        """Read one photo: a path, or (H, W, 3) uint8 RGB.

        Raises:
            UserError: the file cannot be read, or the pixels are of another kind.
        """
        item = self._load(photo)
        if isinstance(item, UserError):
            raise item
        return next(self._detect([item]))

    def read_many(self, photos: Iterable[Photo]) -> Iterator[PhotoReading | UserError]:
        """Read photos in batches; the next ones are loaded meanwhile.

        Yields:
            For each photo, in order, what was read, or why it could not be.
        """
        photos = iter(photos)
        with ThreadPoolExecutor(max_workers=2) as pool:  # pillow and cv2 let go of the interpreter while they work
            loading = list(pool.map(self._load, islice(photos, self.batch_size)))
            while loading:
                coming = pool.map(self._load, list(islice(photos, self.batch_size)))
                readings = iter(self._detect([item for item in loading if not isinstance(item, UserError)]))
                for item in loading:
                    yield item if isinstance(item, UserError) else next(readings)
                loading = list(coming)

    def _load(self, photo: Photo) -> dict | UserError:
        try:
            pixels = photo if isinstance(photo, np.ndarray) else read_photo(photo)
            if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size or pixels.dtype != np.uint8:
                raise UserError(f'pixels of shape {pixels.shape} and type {pixels.dtype}: give (H, W, 3) uint8, RGB')
        except UserError as error:
            return error
        shape = pixels.shape[:2]
        try:  # MMDetection's transforms want BGR
            return self.pipeline({'img': pixels[..., ::-1], 'img_shape': shape, 'ori_shape': shape, 'img_id': 0})
        except cv2.error:  # 4000 x 1 pixels, say
            name = 'pixels' if isinstance(photo, np.ndarray) else one_line(photo)
            return UserError(f'{name}: {shape[1]}x{shape[0]} pixels are too thin to be scaled; cut the photo')

    def _detect(self, items: Sequence[dict]) -> Iterator[PhotoReading]:
        if not items:
            return
        with torch.inference_mode():
            samples = self.model.test_step(pseudo_collate(items))
        for sample in samples:
            found = sample.pred_instances
            arrays = (values.numpy(force=True) for values in (found.bboxes, found.scores, found.labels))
            detections = Detections.from_model([0] * len(found), *arrays)
            yield self._read(filter_boxes(detections, self.found.reader.boxes))

    def _read(self, detections: Detections) -> PhotoReading:
        reading = read_numbers(detections, [0], self.found.reader.number)[0]
        xywh = detections.bboxes[reading.used]
        xyxy = xywh_to_xyxy(xywh).tolist()
        scores, labels = detections.scores[reading.used].tolist(), detections.labels[reading.used].tolist()
        digits = tuple(Digit(label, score, tuple(box)) for label, score, box in zip(labels, scores, xyxy, strict=True))
        return PhotoReading(reading.number, reading.confidence, digits, detections, reading.used)
