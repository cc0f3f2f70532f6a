"""Export of checkpoints as 16-bit weights with their reader.json, and uniform weight averages (model soups)."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save

from ..reading.lookup import FILE_NAME, NONE
from ..reading.settings import ReaderSettings, read_reader, write_reader
from ..utils.errors import UserError
from ..utils.files import replacing_set
from .checkpoints import fingerprint, load_checkpoint
from .reader_of_weights import reader_of_weights


class Exported(NamedTuple):
    """The result of an export."""

    tensors: int  # in the file of the weights
    size: int  # of the file, in bytes
    reader: Path | None  # the reader.json written beside the file, if the checkpoint has one
    notes: tuple[str, ...]  # per ignored reader.json, the reason


def export_weights(checkpoints: Sequence[Path], out: Path, wanted: Path | None = None) -> Exported:
    """Write the weights used by `tools/test.py`, matrices and kernels as float16, and their reader.json.

    Loaded again, the weights are float32 and have the same fingerprint.

    Args:
        checkpoints: one checkpoint of a training run, whose state_dict holds the averaged weights if EMA is used; or
            several fine-tuned from the same initialisation, of which the mean is written (`mean_weights`).
        out: a .safetensors file; an existing file is replaced.
        wanted: a reader.json tuned on detections of these weights. Defaults to None, the checkpoint's own; a mean has
            none.

    Raises:
        UserError: a checkpoint cannot be loaded, they have no mean, a weight is not finite in 16 bits, `out` is no
            .safetensors or cannot be written, a reader.json of other weights is beside `out`, or `wanted` belongs to
            other weights or cannot be read.
    """
    if out.suffix != '.safetensors':
        raise UserError(f'{out}: weights are exported as .safetensors; give a name with this ending')
    if twice := [path for path in checkpoints if checkpoints.count(path) > 1]:
        raise UserError(f'{twice[0]}: named more than once; a mean needs different checkpoints')
    first, several = checkpoints[0], len(checkpoints) > 1
    loaded = {str(path): load_checkpoint(path) for path in checkpoints}
    states = {name: stored['state_dict'].items() for name, stored in loaded.items()}
    weights = mean_weights(
        {name: {key.removeprefix('module.'): value.contiguous() for key, value in own} for name, own in states.items()}
    )
    meta = loaded[str(first)].get('meta') or {}
    # Vectors stay: they are few numbers, and rounded statistics of batch norms change the scores.
    halves = {
        key: value.half() if value.is_floating_point() and value.ndim > 1 else value for key, value in weights.items()
    }
    if wrong := [key for key, value in halves.items() if not value.isfinite().all()]:
        fault = f'{len(wrong)} weights do not fit into 16 bits, first: {wrong[0]}'
        raise UserError(f'{", ".join(loaded)}: {fault}; train again')
    default, content = ReaderSettings(), {'state_dict': weights, 'meta': meta}
    asked = str(wanted) if wanted else NONE if several else None
    reader, _, notes = reader_of_weights(first, asked, default, content, 'the mean' if several else None)
    own, beside = fingerprint(weights), out.with_name(FILE_NAME)
    if (reader is default or not out.exists()) and beside.is_file() and read_reader(beside).fingerprint != own:
        if not out.exists():
            raise UserError(f'{beside}: belongs to other weights; choose another folder, or remove the file')
        notes = (*notes, f'{beside}: not replaced; it belongs to other weights and will be ignored')
    with replacing_set(out.parent) as new:
        (new / out.name).write_bytes(encode_weights(halves, describe(meta, len(checkpoints))))
        if reader is not default:
            write_reader(new / FILE_NAME, replace(reader, fingerprint=own))  # one tuned on a pred.json has none
    return Exported(len(halves), out.stat().st_size, None if reader is default else beside, notes)


def encode_weights(weights: dict[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """Encode a .safetensors file; the same content gives the same bytes.

    The library puts the metadata in another order each time.
    """
    content = save(weights, dict(metadata))
    size = int.from_bytes(content[:8], 'little')
    header = json.loads(content[8 : 8 + size])
    header['__metadata__'] = dict(sorted(header['__metadata__'].items()))
    text = json.dumps(header, separators=(',', ':'), ensure_ascii=False).encode()
    text += b' ' * (-len(text) % 8)  # the tensors are aligned
    return len(text).to_bytes(8, 'little') + text + content[8 + size :]


def mean_weights(weights: Mapping[str, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Average the weights of models fine-tuned from the same initialisation (a uniform model soup).

    After Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", ICML 2022. Integers, such as batch counters, are those of the first model.

    Args:
        weights: state dicts by their names in messages.

    Raises:
        UserError: names or shapes of the weights differ.
    """
    (first, own), *others = weights.items()
    if not others:  # unchanged, because the mean of -0.0 alone is 0.0, with another fingerprint
        return own
    shapes = {(key, value.shape) for key, value in own.items()}
    for name, state in others:
        if different := shapes ^ {(key, value.shape) for key, value in state.items()}:
            fault = f'{min(different)[0]} differs from {first}'
            raise UserError(f'{name}: {fault}; only checkpoints of one architecture have a mean')
    return {
        key: torch.stack([state[key].double() for state in weights.values()]).mean(0).to(value.dtype)
        if value.is_floating_point()
        else value
        for key, value in own.items()
    }


def describe(meta: Mapping[str, Any], checkpoints: int = 1) -> dict[str, str]:
    """Build the metadata of the file: config, epoch and classes if known, and the number of averaged checkpoints."""
    config = re.sub(r'_\d{8}_\d{6}$', '', str(meta.get('experiment_name', '')))  # the runner adds the time
    classes = ' '.join(map(str, (meta.get('dataset_meta') or {}).get('classes', ())))
    mean_of = str(checkpoints) if checkpoints > 1 else ''
    known = {'config': config, 'epoch': str(meta.get('epoch', '')), 'classes': classes, 'mean_of': mean_of}
    return {'format': 'pt', **{key: value for key, value in known.items() if value}}
