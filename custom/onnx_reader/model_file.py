"""An ONNX file of a digit detector: its session, and its metadata."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any

from ..reading.lookup import FILE_NAME
from ..reading.settings import ReaderSettings
from ..utils.errors import UserError
from ..utils.files import parse_json, read_file
from ..utils.messages import one_line
from ..utils.validation import require_number

if TYPE_CHECKING:
    import onnxruntime

KEY = 'detector.json'  # beside reader.json, a name in the metadata of the file
INPUTS, OUTPUTS = ['images', 'sizes'], ['boxes', 'scores', 'labels']
CPU = 'CPUExecutionProvider'
EXPORT = 'tools/export_onnx.py makes such a file'
MOST_BYTES = 1 << 31  # the limit of ONNX for one file


@dataclasses.dataclass(frozen=True)
class DetectorFacts:
    """How a detector wants its photos; stored in the metadata of its file.

    Args:
        scale: largest sides of a photo at inference, longer side first, in pixels.
        group_size: images that are padded together at most; 0: all of one size.
        fusion: arguments of `MultiView`: `iou_thr`, `score_thr`, `max_per_img`.
        fingerprint: hash of the weights.
        config: name of the config.
        divisor: the model pads images to multiples of this, in pixels. Defaults to 1, for files that do not name it.

    Raises:
        UserError: a value is out of range or of the wrong type.
    """

    scale: tuple[int, int]
    group_size: int
    fusion: dict[str, float]
    fingerprint: str
    config: str
    divisor: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.scale, (list, tuple)) or len(self.scale) != 2:
            raise UserError(f'scale={self.scale!r}: must be two sides in pixels')
        for side in self.scale:
            require_number('scale', side, 1)
        object.__setattr__(self, 'scale', tuple(self.scale))
        require_number('group_size', self.group_size, 0)
        require_number('divisor', self.divisor, 1)
        known = {'iou_thr', 'score_thr', 'max_per_img'}
        if not isinstance(self.fusion, dict) or self.fusion.keys() - known:
            raise UserError(f'fusion={self.fusion!r}: must be an object with {", ".join(sorted(known))}')
        for name, value in self.fusion.items():
            require_number(name, value, 0)
        for name in ('fingerprint', 'config'):
            if not isinstance(getattr(self, name), str):
                raise UserError(f'{name}={getattr(self, name)!r}: must be text')


def to_metadata(facts: DetectorFacts, reader: ReaderSettings) -> dict[str, str]:
    """Return the metadata of a file."""
    return {KEY: json.dumps(dataclasses.asdict(facts)), FILE_NAME: json.dumps(reader.to_dict())}


def from_metadata(metadata: dict[str, str], path: str | os.PathLike) -> tuple[DetectorFacts, ReaderSettings]:
    """Read the metadata of the file `path`.

    Raises:
        UserError: an entry is missing, or has another content.
    """
    if missing := {KEY, FILE_NAME} - metadata.keys():
        raise UserError(f'{path}: is no digit detector, it has no {", ".join(sorted(missing))}; {EXPORT}')
    try:
        content: Any = parse_json(metadata[KEY])
        facts = DetectorFacts(**content)
        reader = ReaderSettings.from_dict(parse_json(metadata[FILE_NAME]), FILE_NAME)
    except (TypeError, ValueError, UserError) as error:
        raise UserError(f'{path}: its metadata are damaged ({one_line(error)}); {EXPORT}') from None
    return facts, reader


def open_session(path: str | os.PathLike, threads: int, provider: str = CPU) -> onnxruntime.InferenceSession:
    """Open a file of ONNX Runtime.

    Args:
        path: the file.
        threads: of one run. They sleep between runs: threads that spin take the time of other programs.
        provider: ONNX Runtime's name of the device. Defaults to the CPU's.

    Raises:
        UserError: onnxruntime cannot be imported or lacks the provider, or the file is missing, damaged, of another
            kind or needs a newer onnxruntime.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f'onnxruntime cannot be imported ({one_line(error)}); pip install onnxruntime') from None
    if provider not in (available := onnxruntime.get_available_providers()):
        raise UserError(f'{provider}: this onnxruntime has no such execution provider, but {", ".join(available)}')
    try:
        content = read_file(path, MOST_BYTES)
    except OSError as error:
        raise UserError(f'{path}: cannot be read ({error.strerror}); {EXPORT}') from None
    onnxruntime.set_default_logger_severity(4)  # its errors are raised, too
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.enable_mem_pattern = False  # one block for all maps of a run, kept for each size of images
    try:
        session = onnxruntime.InferenceSession(content, options, providers=[provider])
    except Exception as error:  # of a damaged file, many kinds
        raise UserError(f'{path}: {_reason(str(error), onnxruntime.__version__)}') from None
    names = [[value.name for value in values] for values in (session.get_inputs(), session.get_outputs())]
    if names != [INPUTS, OUTPUTS]:
        had = f'inputs {", ".join(names[0])}; outputs {", ".join(names[1])}'
        raise UserError(f'{path}: is a model of another kind ({had}); {EXPORT}')
    return session


def _reason(message: str, version: str) -> str:
    text = one_line(message.strip().rpartition(') ')[2] or message)[:160]  # after the name of a C++ function
    if 'opset' in text or 'IR version' in text:
        return f'onnxruntime {version} is too old for this file ({text}); install a newer one, or export again'
    return f'is no model, or damaged ({text}); copy it again'
