"""Floats of 16 bits: which of them a GPU multiplies fast, and what is too fine for them."""

import torch


def short_float() -> str:
    """'bfloat16' where the GPU has it, else 'float16': a torch.dtype by name, as AmpOptimWrapper takes it."""
    return 'bfloat16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'float16'


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """Values of 16 bits as float32, others as they are: pixels of a box have more digits than bfloat16 holds."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
