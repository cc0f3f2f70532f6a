"""Static 8-bit quantisation of an exported detector."""

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from ..inference.multiview import View
from ..onnx_reader.model_file import CPU, INPUTS

# Shape operations and box arithmetic stay as they are: 8 bits would change sizes and boxes
# (findings/onnxruntime_quantised_padding.sh).
KINDS = ['Conv', 'Gemm', 'MatMul']
WIDTHS = range(17, 178)  # pixels; of the photos whose feature maps are compared


class _Calibration(CalibrationDataReader):
    def __init__(self, views: Iterable[View]) -> None:
        self.left = iter(views)

    def get_next(self) -> dict[str, np.ndarray] | None:
        view = next(self.left, None)
        if view is None:
            return None
        size = np.array([view.pixels.shape[:2]], np.int64)
        return dict(zip(INPUTS, (np.ascontiguousarray(view.pixels[None]), size), strict=True))


def quantise(model: onnx.ModelProto, views: Sequence[View]) -> onnx.ModelProto:
    """Quantise the convolutions and matrix products of a detector, with activations as QUInt8.

    Args:
        model: of `custom.models.onnx_export`.
        views: photos of the kind that will be read, as the detector gets them; they give the ranges of activations.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, 'float.onnx'), Path(folder, 'int8.onnx')
        onnx.save(model, source)
        logging.disable(logging.WARNING)  # of a pre-processing that `simplified` has done
        quantize_static(
            source,
            target,
            _Calibration(views),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=KINDS,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        logging.disable(logging.NOTSET)
        quantised = onnx.load(target)
    onnx.helper.set_model_props(quantised, {one.key: one.value for one in model.metadata_props})
    return quantised


def other_sizes(model: onnx.ModelProto, other: onnx.ModelProto) -> list[int]:
    """Return the widths of photos, in pixels, on which two models have feature maps of different sizes."""
    names = [node.output[0] for node in model.graph.node if node.op_type == 'Conv']
    shapes = [list(_shapes(one, names)) for one in (model, other)]
    return [width for width, own, theirs in zip(WIDTHS, *shapes, strict=True) if own != theirs]


def _shapes(model: onnx.ModelProto, names: Sequence[str]) -> Iterator[list[tuple[int, ...]]]:
    """Yield, for each of WIDTHS, the shapes of the tensors `names`."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend([onnx.ValueInfoProto(name=name) for name in names])
    session = onnxruntime.InferenceSession(probe.SerializeToString(), providers=[CPU])
    for width in WIDTHS:
        images = np.full((1, 24 + width % 9, width, 3), 128, np.uint8)
        values = session.run(list(names), dict(zip(INPUTS, (images, np.array([images.shape[1:3]])), strict=True)))
        yield [value.shape for value in values]
