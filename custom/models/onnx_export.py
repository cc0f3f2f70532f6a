"""Writing of ONNX files of detectors."""

import io
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from mmdet.models import TwoStageDetector
from timm.layers import Conv2dSame
from torch import nn
from torch.nn import functional

from ..onnx_reader.model_file import CPU, INPUTS, OUTPUTS
from ..utils.errors import UserError
from .onnx_graph import OPSET, DetectorGraph

DYNAMIC = {
    'images': {0: 'batch', 1: 'height', 2: 'width'},
    'sizes': {0: 'batch'},
    **{name: {0: 'batch', 1: 'box'} for name in OUTPUTS},
}
EXAMPLE = (2, 72, 112)  # images, height, width


class _PaddedConv(torch.autograd.Function):
    """Convolution with other padding on each side, left, right, top and bottom, as one node: a copy of the map less."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        padding: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ) -> torch.Tensor:
        """Convolve (B, C, H, W)."""
        return functional.conv2d(functional.pad(x, padding), weight, bias, stride, 0, dilation, groups)

    @staticmethod
    def symbolic(
        g: Any,
        x: Any,
        weight: Any,
        bias: Any,
        padding: Sequence[int],
        stride: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ) -> Any:
        """Write the node."""
        left, right, top, bottom = padding
        pads = [top, left, bottom, right]
        return g.op(
            'Conv', x, weight, bias, pads_i=pads, strides_i=list(stride), dilations_i=list(dilation), group_i=groups
        )


class _FixedPadding(nn.Module):
    """A `Conv2dSame` for maps whose sides are multiples of the stride, where the padding is a constant."""

    def __init__(self, conv: Conv2dSame) -> None:
        super().__init__()
        self.conv = conv
        sides = zip(conv.kernel_size, conv.stride, conv.dilation, strict=True)
        lacking = [max((kernel - 1) * dilation + 1 - stride, 0) for kernel, stride, dilation in sides]
        self.padding = [part for both in reversed(lacking) for part in (both // 2, both - both // 2)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve (B, C, H, W)."""
        conv = self.conv
        bias = conv.weight.new_zeros(len(conv.weight)) if conv.bias is None else conv.bias
        return _PaddedConv.apply(x, conv.weight, bias, self.padding, conv.stride, conv.dilation, conv.groups)


def fix_padding(model: nn.Module, divisor: int, stride: int = 1) -> int:
    """Replace each `Conv2dSame` by constant padding, in place, while maps have sides that are multiples of its stride.

    timm computes the padding from the size of the map. ONNX Runtime runs these shape operations for each image, and its
    quantisation of all operators changes them (findings/onnxruntime_quantised_padding.sh).

    Args:
        model: computes its modules in the order in which they are registered.
        divisor: the sides of images are multiples of it.
        stride: of the maps that enter the model.

    Returns:
        The stride of the maps that leave the model.
    """
    for name, child in model.named_children():
        if isinstance(child, nn.Conv2d):
            if isinstance(child, Conv2dSame) and divisor % (stride * child.stride[0]) == 0:
                setattr(model, name, _FixedPadding(child))
            stride *= child.stride[0]
        else:
            stride = fix_padding(child, divisor, stride)
    return stride


def to_onnx(model: nn.Module, metadata: dict[str, str]) -> onnx.ModelProto:
    """Convert a Faster R-CNN with plain convolutions on a CPU to ONNX; see `DetectorGraph` for inputs and outputs.

    Raises:
        UserError: the model is no Faster R-CNN.
    """
    if not isinstance(model, TwoStageDetector):
        raise UserError(f'{type(model).__name__} cannot be exported to ONNX; give the config of a Faster R-CNN')
    fix_padding(model.backbone, model.data_preprocessor.pad_size_divisor)
    graph, content = DetectorGraph(model), io.BytesIO()
    batch, height, width = EXAMPLE
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (batch, height, width, 3), dtype=torch.uint8, generator=generator)
    sizes = torch.tensor([[height, width], [height - 8, width - 16]])
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the tracer, on each Python number
        torch.onnx.export(
            graph,
            (images, sizes),
            content,  # type: ignore[arg-type]
            dynamo=False,  # the other exporter needs a package more
            opset_version=OPSET,
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_axes=DYNAMIC,
        )
    exported = simplified(content.getvalue())
    onnx.helper.set_model_props(exported, metadata)
    return exported


def simplified(content: bytes) -> onnx.ModelProto:
    """Fold constants and remove needless nodes, so that the file is opened in half of the time.

    The nodes stay standard ones, the same for every CPU.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder, 'simplified.onnx'))
        onnxruntime.InferenceSession(content, options, providers=[CPU])
        model = onnx.load(options.optimized_model_filepath)
    used = {node.domain for node in model.graph.node}
    opsets = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model
