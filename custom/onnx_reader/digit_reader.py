"""`DigitReader` without torch, which reads the numbers in photos."""

import os
from pathlib import Path

from ..inference.options import ReadingOptions, Rotation
from ..inference.reader import PhotoReader
from ..inference.views import PhotoViews
from ..reading.settings import read_reader
from ..utils.errors import UserError
from .detector import OnnxDetector
from .model_file import CPU

MODEL = Path(__file__).resolve().parents[1] / 'model/digits_frcnn_lite.onnx'  # in the wheel


class DigitReader(PhotoReader):
    """A model in ONNX Runtime with the reader settings and the test-time augmentation that were tuned for its weights.

    Arrays of pixels are RGB. OpenCV reads BGR: pass `pixels[..., ::-1]`.

    Args:
        model: a file of tools/export_onnx.py. Defaults to None, the model of the wheel.
        reader: a reader.json that was tuned for the weights. Defaults to None, the one in the file of the model.
        batch_size: number of photos in a batch of the model. Defaults to 16.
        provider: ONNX Runtime's name of the device. Defaults to the CPU's.
        rotate, crop, digits, decimals: what is known about the photos, see `ReadingOptions`. By default nothing.

    Raises:
        UserError: a file is missing, damaged or of another kind, the reader.json was tuned for other weights,
            onnxruntime cannot use the device, or an option is out of range.

    Example:
        >>> from digits_reader import DigitReader  # doctest: +SKIP
        >>> DigitReader().read('meter.jpg').number  # doctest: +SKIP
        '04271'
    """

    def __init__(
        self,
        model: str | os.PathLike | None = None,
        reader: str | os.PathLike | None = None,
        batch_size: int = 16,
        provider: str = CPU,
        *,
        rotate: Rotation = 0,
        crop: tuple[int, int, int, int] | None = None,
        digits: int | None = None,
        decimals: int = 0,
    ) -> None:
        options = ReadingOptions(rotate, crop, digits, decimals)
        if model is None and not MODEL.is_file():
            raise UserError('no model in this installation; name one, which tools/export_onnx.py makes')
        detector = OnnxDetector(model or MODEL, provider=provider)
        settings = detector.reader
        if reader is not None:
            settings, own = read_reader(reader), detector.facts.fingerprint
            if settings.fingerprint not in (None, own):
                fault = f'tuned for other weights ({settings.fingerprint}) than those of the model ({own})'
                raise UserError(f'{reader}: {fault}; tune one by tools/tune_reader.py')
        views = PhotoViews(detector.facts.scale, settings.views)
        super().__init__(detector, views, settings, views.multiview(**detector.facts.fusion), batch_size, options)
