"""A short name for weights: what belongs to a model says by it which one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def fingerprint(state_dict: Mapping[str, torch.Tensor]) -> str:
    """The same for the same weights, and for their copy in 16 bits.

    Args:
        state_dict: name to tensor. Whole numbers (counters) do not count, nor does the `module.` of a wrapped model.

    Returns:
        16 hexadecimal digits: of the SHA-256 of names, shapes and values as float16, in the order of the names.
    """
    digest = hashlib.sha256()
    weights = {name.removeprefix('module.'): value for name, value in state_dict.items()}
    for name in sorted(weights):
        if weights[name].is_floating_point():
            digest.update(f'{name} {tuple(weights[name].shape)}\n'.encode())
            digest.update(weights[name].detach().cpu().half().numpy().tobytes())
    return digest.hexdigest()[:16]
