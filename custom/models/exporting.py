"""Checkpoints of training runs become the small file that is passed on: 16-bit weights, and their reader.json."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file

from ..reading.lookup import FILE_NAME, NONE
from ..reading.settings import ReaderSettings, read_reader, write_reader
from ..utils.errors import UserError
from ..utils.files import replacing
from .checkpoints import fingerprint, load_checkpoint
from .reader_of_weights import reader_of_weights


class Exported(NamedTuple):
    """What was written.

    Attributes:
        tensors: how many the file of the weights holds.
        size: its bytes.
        reader: the reader.json beside it; None where the checkpoint has no reader.
        notes: why readers of other weights were not taken, a line each.
    """

    tensors: int
    size: int
    reader: Path | None
    notes: tuple[str, ...]


def export_weights(checkpoints: Sequence[Path], out: Path, wanted: Path | None = None) -> Exported:
    """Write the weights that `tools/test.py` would load, matrices and kernels as float16, and their reader beside them.

    Loaded again they are float32, and their fingerprint is the same.

    Args:
        checkpoints: one of a training run, whose state_dict has the averaged weights where EMA is used; or several that
            began with the same weights, of which the mean is written (`mean_weights`).
        out: a .safetensors file, replaced if it is there.
        wanted: a reader.json tuned on what these weights find. Defaults to None, the checkpoint's own; a mean has none.

    Raises:
        UserError: a checkpoint cannot be read, they have no mean, a weight is not finite in 16 bits, `out` is no
            .safetensors or cannot be written, a reader.json of other weights lies beside it, or `wanted` is one or
            cannot be read.
    """
    if out.suffix != '.safetensors':
        raise UserError(f'{out}: weights are exported as .safetensors; give a name that ends so')
    if twice := [path for path in checkpoints if checkpoints.count(path) > 1]:
        raise UserError(f'{twice[0]}: named more than once; a mean is of different checkpoints')
    first, several = checkpoints[0], len(checkpoints) > 1
    loaded = {str(path): load_checkpoint(path) for path in checkpoints}
    weights = mean_weights({name: _plain(stored) for name, stored in loaded.items()})
    meta = loaded[str(first)].get('meta') or {}
    # Vectors are few numbers, and rounding the statistics of batch norms shows in the scores.
    halves = {
        key: value.half() if value.is_floating_point() and value.ndim > 1 else value for key, value in weights.items()
    }
    if wrong := [key for key, value in halves.items() if not value.isfinite().all()]:
        raise UserError(
            f'{", ".join(loaded)}: {len(wrong)} weights do not fit into 16 bits, first: {wrong[0]}; train again'
        )
    nothing, content = ReaderSettings(), {'state_dict': weights, 'meta': meta}
    asked = str(wanted) if wanted else NONE if several else None
    reader, _, notes = reader_of_weights(first, asked, nothing, content, 'the mean' if several else None)
    own, beside = fingerprint(weights), out.with_name(FILE_NAME)
    kept = reader is nothing or not out.exists()
    if kept and beside.is_file() and read_reader(beside).fingerprint != own:
        if not out.exists():
            raise UserError(f'{beside}: belongs to other weights; choose another folder, or remove it')
        notes = (*notes, f'{beside}: stays, but belongs to other weights and will not be used')
    with replacing(out) as temporary:
        save_file(halves, temporary, describe(meta, len(checkpoints)))
    if reader is not nothing:
        write_reader(beside, replace(reader, fingerprint=own))  # one of a pred.json alone has none
    return Exported(len(halves), out.stat().st_size, None if reader is nothing else beside, notes)


def _plain(stored: Mapping) -> dict[str, torch.Tensor]:
    """The weights by the names that they have in a model that is not wrapped."""
    return {key.removeprefix('module.'): value.contiguous() for key, value in stored['state_dict'].items()}


def _shapes(weights: Mapping[str, torch.Tensor]) -> set[tuple[str, torch.Size]]:
    return {(key, value.shape) for key, value in weights.items()}


def mean_weights(weights: Mapping[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The mean of models that began with the same weights and were trained apart: one that errs less than they do.

    From Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", ICML 2022. Whole numbers, such as how many batches were seen, are the first model's.

    Args:
        weights: state dicts by the names that messages call them.

    Raises:
        UserError: their weights differ in name or shape.
    """
    (first, wanted), *others = weights.items()
    if not others:  # untouched: the mean of -0.0 alone is 0.0, which has another fingerprint
        return wanted
    for name, state in others:
        if different := _shapes(wanted) ^ _shapes(state):
            key, _ = min(different)
            raise UserError(
                f'{name}: {key} is not the same in {first}; only checkpoints of one architecture have a mean'
            )
    return {
        key: torch.stack([state[key].double() for state in weights.values()]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for key, value in wanted.items()
    }


def describe(meta: Mapping[str, Any], checkpoints: int = 1) -> dict[str, str]:
    """What the file says of itself, as far as a checkpoint's meta knows it.

    Config, epoch and classes, and how many checkpoints it is the mean of, where there are several.
    """
    config = re.sub(r'_\d{8}_\d{6}$', '', str(meta.get('experiment_name', '')))  # the runner adds the time
    classes = ' '.join(map(str, (meta.get('dataset_meta') or {}).get('classes', ())))
    mean_of = str(checkpoints) if checkpoints > 1 else ''
    known = {'config': config, 'epoch': str(meta.get('epoch', '')), 'classes': classes, 'mean_of': mean_of}
    return {'format': 'pt', **{key: value for key, value in known.items() if value}}
