"""Floats of 16 bits: which of them a GPU multiplies fast, and what is too fine for them."""

import torch


def short_float() -> str:
    """'bfloat16' where the GPU has it, else 'float16': a torch.dtype by name, as AmpOptimWrapper takes it."""
    return 'bfloat16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'float16'


def at_least_float32(first: torch.Tensor, *others: torch.Tensor) -> list[torch.Tensor]:
    """Tensors in the type of the first one, in float32 where that has 16 bits.

    Box coordinates would be rounded there to whole pixels or worse: bfloat16 holds 8 bits.
    """
    dtype = torch.float64 if first.dtype == torch.float64 else torch.float32
    return [values.to(dtype) for values in (first, *others)]
