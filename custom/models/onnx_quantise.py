"""Static 8-bit quantisation of an exported detector."""

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from ..inference.multiview import Detector, View
from ..onnx_reader.model_file import CPU, INPUTS
from ..reading.fusion import Boxes

# Shape operations and box arithmetic stay as they are: 8 bits would change sizes and boxes
# (findings/onnxruntime_quantised_padding.sh).
KINDS = ['Conv', 'Gemm', 'MatMul']
# Of the nodes that stay float32, with the first convolution. In 8 bits they lose most numbers and take little time.
HEADS = '/rpn_head/', '/bbox_head/'
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
    """Quantise the convolutions of the backbone and of the FPN of a detector, with activations as QUInt8.

    The heads and the first convolution stay float32 (docs/performance.md has the accuracy of other choices).

    Args:
        model: of `custom.models.onnx_export`.
        views: photos of the kind that will be read, as the detector gets them; they give the ranges of activations.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, 'float.onnx'), Path(folder, 'int8.onnx')
        onnx.save(model, source)
        with _no_warnings():  # of a pre-processing that `simplified` has done
            quantize_static(
                source,
                target,
                _Calibration(views),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=KINDS,
                nodes_to_exclude=_exact_nodes(model),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        quantised = onnx.load(target)
    onnx.helper.set_model_props(quantised, {one.key: one.value for one in model.metadata_props})
    return quantised


def _exact_nodes(model: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that stay float32."""
    first = next((node.name for node in model.graph.node if node.op_type == 'Conv'), '')
    return [first, *(node.name for node in model.graph.node if node.name.startswith(HEADS))]


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


class ViewSample:
    """A `Detector` that keeps a random sample of the views that another one gets, of `most` views at most."""

    def __init__(self, detector: Detector, most: int) -> None:
        self.detector, self.most = detector, most
        self.views: list[View] = []
        self._seen, self._rng = 0, np.random.default_rng(0)

    def detect(self, views: Sequence[View]) -> list[Boxes]:
        """Detect the digits in each view; see `Detector`."""
        for view in views:
            self._seen += 1
            place = len(self.views) if len(self.views) < self.most else int(self._rng.integers(self._seen))
            if place < self.most:
                self.views[place : place + 1] = [View(view.pixels.copy(), view.scale)]
        return self.detector.detect(views)


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
