"""Export of a config and its checkpoint to ONNX, with the reader settings."""

from pathlib import Path
from typing import Any, NamedTuple

import onnx
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope

from .. import register  # noqa: F401 - registers the classes of configs
from ..engine.builders import building_from
from ..models.batch_norm import fold_batch_norm
from ..models.checkpoints import fingerprint, load_checkpoint, load_weights
from ..models.onnx_export import to_onnx
from ..models.reader_of_weights import choose_reader
from ..onnx_reader.model_file import DetectorFacts, to_metadata
from ..runs.config import load_config
from ..utils.errors import UserError
from ..utils.files import replacing


class OnnxExport(NamedTuple):
    """The result of an export: size of the file in bytes, and notes, a line each."""

    size: int
    notes: tuple[str, ...]


def export_onnx(config: Path, checkpoint: Path, out: Path, reader: str | None = None) -> OnnxExport:
    """Write the ONNX file of a detector.

    Args:
        config: the config of the weights.
        checkpoint: the file of the weights.
        out: the file; replaced if it exists.
        reader: a reader.json, or 'none' for the config's thresholds. Defaults to None, the one tuned for the weights.

    Raises:
        UserError: a file cannot be read, the model is not a Faster R-CNN of the configs, or the weights do not fit.
    """
    if out.suffix != '.onnx':
        raise UserError(f'{out}: give a name that ends in .onnx')
    cfg = load_config(config)
    init_default_scope(cfg.default_scope)
    content = load_checkpoint(checkpoint)
    with building_from(cfg):
        choice = choose_reader(cfg, checkpoint, reader, content)
        model = build_plain(cfg)
    load_weights(model, checkpoint, content)
    fold_batch_norm(model)
    exported = to_onnx(model, to_metadata(facts_of(cfg, fingerprint(content['state_dict'])), choice.reader))
    with replacing(out) as beside:
        onnx.save(exported, beside)
    return OnnxExport(out.stat().st_size, choice.notes)


def build_plain(cfg: Any) -> Any:
    """Build the model of a config with random weights and torch's own convolutions."""
    model = cfg.model.copy()
    if 'fast_convolutions' in model:
        model.fast_convolutions = False
    model.backbone.init_cfg = None
    return MODELS.build(model)


def facts_of(cfg: Any, weights: str) -> DetectorFacts:
    """Collect what a `Detector` needs to know from the config and the fingerprint of the weights."""
    step = next((step for step in cfg.test_dataloader.dataset.pipeline if 'scale' in step), None)
    if step is None:
        raise UserError(f'{cfg.filename}: no step of the test pipeline has a scale')
    sides = step.scale if isinstance(step.scale, (list, tuple)) else (step.scale, step.scale)
    fusion = {key: cfg.tta_model[key] for key in ('iou_thr', 'score_thr', 'max_per_img') if key in cfg.tta_model}
    return DetectorFacts(tuple(sides), cfg.model.get('group_size', 0), fusion, weights, Path(cfg.filename).stem)
