"""Export of a config and its checkpoint to ONNX, with the reader settings, checked after writing."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import onnx
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope

from .. import register  # noqa: F401 - registers the classes of configs
from ..engine.builders import NoRandomWeights, building_from
from ..inference.reader import PhotoReader
from ..models.batch_norm import fold_batch_norm
from ..models.checkpoints import fingerprint, load_checkpoint, load_weights
from ..models.onnx_check import difference, drawn_photos
from ..models.onnx_export import to_onnx
from ..models.onnx_quantise import ViewSample, other_sizes, quantise
from ..models.onnx_slices import slice_channels
from ..models.reader_of_weights import choose_reader
from ..models.tta import ModelDetector
from ..onnx_reader.detector import OnnxDetector
from ..onnx_reader.digit_reader import DigitReader
from ..onnx_reader.model_file import DetectorFacts, to_metadata
from ..runs.config import load_config
from ..runs.named_files import checkpoint_of_run
from ..structures.photos import list_photos
from ..utils.errors import UserError
from ..utils.estimates import share
from ..utils.files import replacing

MOST_PHOTOS = 200  # for the ranges of activations and the comparison of numbers
MOST_VIEWS = 300  # of these photos, for the ranges
FEWEST_ALIKE = 0.9  # share of these photos that 8 bits must read alike


class OnnxExport(NamedTuple):
    """The result of an export: size of the file in bytes, the comparison with torch, and notes, a line each."""

    size: int
    check: str
    notes: tuple[str, ...]


def export_onnx(
    config: str | Path, checkpoint: str | Path | None, out: Path, reader: str | None = None, int8: Path | None = None
) -> OnnxExport:
    """Write the ONNX file of a detector, once its boxes equal those of the model in torch.

    Args:
        config: the config of the weights: a file, its name, or a work dir.
        checkpoint: the file of the weights, or a work dir; None for the best checkpoint of the config's work dir.
        out: the file; replaced if it exists.
        reader: a reader.json, or 'none' for the config's thresholds. Defaults to None, the one tuned for the weights.
        int8: a folder of photos of the kind that will be read, to quantise to 8 bits. Defaults to None, float32.

    Raises:
        UserError: a file cannot be read, the model is not a Faster R-CNN of the configs, the weights do not fit, or the
            exported model has other boxes, or with 8 bits other feature maps or other numbers, than the model in torch.
    """
    if out.suffix != '.onnx':
        raise UserError(f'{out}: give a name that ends in .onnx')
    photos = [int8 / photo.file_name for photo in islice(list_photos(int8), MOST_PHOTOS)] if int8 else []
    cfg = load_config(config)
    checkpoint = checkpoint_of_run(config, checkpoint, cfg.work_dir)
    init_default_scope(cfg.default_scope)
    content = load_checkpoint(checkpoint)
    weights = fingerprint(content['state_dict'])
    choice = choose_reader(cfg, checkpoint, reader, content)
    facts = facts_of(cfg, weights)
    model, plain = (_built(cfg, fast, checkpoint, content) for fast in (True, False))
    exported = to_onnx(plain, to_metadata(facts, choice.reader))
    with replacing(out) as beside:
        onnx.save(slice_channels(exported), beside)
        limits = cfg.model.test_cfg.rcnn
        detectors = ModelDetector(model), OnnxDetector(beside)
        compared = difference(*detectors, list(drawn_photos()), limits.score_thr, limits.max_per_img)
        if not compared.is_small:
            raise UserError(f'{out}: not written; ONNX Runtime and torch disagree: {compared}')
        check = f'as in torch: {compared}'
        if photos:
            exact = DigitReader(beside)
            sample = ViewSample(exact.detector, MOST_VIEWS)
            exact.detector = sample
            numbers = _numbers(exact, photos)
            small = quantise(exported, sample.views)
            if widths := other_sizes(exported, small):
                raise UserError(f'{out}: not written; 8 bits change the feature maps of widths {widths[:5]}')
            onnx.save(small, beside)
            check = _alike(numbers, _numbers(DigitReader(beside), photos), out)
    return OnnxExport(out.stat().st_size, check, choice.notes)


def _built(cfg: Any, fast: bool, checkpoint: Path, content: dict) -> Any:
    """Build the model of a config with the weights of a checkpoint, with torch's own convolutions unless `fast`."""
    settings = cfg.model.copy()
    settings.backbone = {**settings.backbone, 'init_cfg': None}
    if 'bfloat16' in settings:
        settings.bfloat16 = False  # the file is float32
    if 'fast_convolutions' in settings:
        settings.fast_convolutions = settings.fast_convolutions and fast
    with building_from(cfg), NoRandomWeights():
        model = MODELS.build(settings)
    load_weights(model, checkpoint, content)
    fold_batch_norm(model)
    return model.eval()


def facts_of(cfg: Any, weights: str) -> DetectorFacts:
    """Collect what a `Detector` needs to know from the config and the fingerprint of the weights.

    Raises:
        UserError: no step of the test pipeline has a scale.
    """
    step = next((step for step in cfg.test_dataloader.dataset.pipeline if 'scale' in step), None)
    if step is None:
        raise UserError(f'{cfg.filename}: no step of the test pipeline has a scale')
    sides = step.scale if isinstance(step.scale, (list, tuple)) else (step.scale, step.scale)
    fusion = cfg.get('tta_model') or {}
    fusion = {key: fusion[key] for key in ('iou_thr', 'score_thr', 'max_per_img') if key in fusion}
    return DetectorFacts(
        (max(sides), min(sides)),
        cfg.model.get('group_size', 0),
        fusion,
        weights,
        Path(cfg.filename).stem,
        cfg.model.data_preprocessor.get('pad_size_divisor', 1),
    )


def _numbers(reader: PhotoReader, photos: Sequence[Path]) -> list[str]:
    """Read photos. Raises UserError if one of them cannot be read."""
    numbers = []
    for reading in reader.read_many(photos):
        if isinstance(reading, UserError):
            raise reading
        numbers.append(reading.number)
    return numbers


def _alike(exact: Sequence[str], small: Sequence[str], out: Path) -> str:
    """Compare the numbers of float32 and of 8 bits.

    Raises UserError if the share of photos with the same number is below FEWEST_ALIKE, with 95 % confidence: of few
    photos one may differ by chance.
    """
    alike = sum(a == b for a, b in zip(exact, small, strict=True))
    same = share(alike, len(exact))
    text = f'8 bits read {alike} of {len(exact)} photos as float32 does'
    if same.high < FEWEST_ALIKE:
        raise UserError(f'{out}: not written; {text}; give more photos, or photos of the kind that will be read')
    return text
