"""Comparison of checkpoints."""

from pathlib import Path

import torch


def differing(first: Path, second: Path, part: str = 'state_dict') -> list[str]:
    """Return the names of the tensors of `part` that are not equal, bit for bit, in two checkpoints."""
    one, other = (torch.load(path, 'cpu', weights_only=False)[part] for path in (first, second))
    names = [*one, *(name for name in other if name not in one)]
    return [name for name in names if name not in one or name not in other or not torch.equal(one[name], other[name])]
