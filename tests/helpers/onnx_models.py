"""A tiny ONNX file with the inputs, outputs and metadata of a detector."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from custom.onnx_reader.model_file import DetectorFacts, to_metadata
from custom.reading.settings import ReaderSettings

FACTS = DetectorFacts((64, 32), 2, {'iou_thr': 0.6}, '0123456789abcdef', 'tiny', 16)


def whole_image_model(metadata: dict[str, str] | None = None, opset: int = 17) -> onnx.ModelProto:
    """Make a model that finds one 7 with score 0.9, as large as the image, and one box of score 0."""
    constants = {
        'flip': np.array([1, 0]),
        'one': np.array([1]),
        'scores_of_one': np.array([[0.9, 0]], np.float32),
        'labels_of_one': np.array([[7, 0]]),
        'pads': np.array([0, 0, 0, 0, 1, 0]),
        'zero': np.float32(0),
    }
    nodes = [
        helper.make_node('Gather', ['sizes', 'flip'], ['sides'], axis=1),  # width and height
        helper.make_node('Cast', ['sides'], ['corner'], to=TensorProto.FLOAT),
        helper.make_node('Sub', ['corner', 'corner'], ['origin']),
        helper.make_node('Concat', ['origin', 'corner'], ['flat'], axis=1),
        helper.make_node('Unsqueeze', ['flat', 'one'], ['boxed']),
        helper.make_node('Pad', ['boxed', 'pads', 'zero'], ['boxes']),
        helper.make_node('Shape', ['sizes'], ['shape']),
        helper.make_node('Expand', ['scores_of_one', 'shape'], ['scores']),
        helper.make_node('Expand', ['labels_of_one', 'shape'], ['labels']),
    ]
    inputs = [
        helper.make_tensor_value_info('images', TensorProto.UINT8, ['b', 'h', 'w', 3]),
        helper.make_tensor_value_info('sizes', TensorProto.INT64, ['b', 2]),
    ]
    outputs = [
        helper.make_tensor_value_info('boxes', TensorProto.FLOAT, ['b', 'k', 4]),
        helper.make_tensor_value_info('scores', TensorProto.FLOAT, ['b', 'k']),
        helper.make_tensor_value_info('labels', TensorProto.INT64, ['b', 'k']),
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, 'whole', inputs, outputs, tensors), opset_imports=[helper.make_opsetid('', opset)]
    )
    model.ir_version = 8
    helper.set_model_props(model, to_metadata(FACTS, ReaderSettings()) if metadata is None else metadata)
    return model


def save(model: onnx.ModelProto, path: Path) -> Path:
    """Save a model, and return its path."""
    onnx.save(model, path)
    return path


def changed_metadata(key: str, **values: object) -> dict[str, str]:
    """Return valid metadata with other values in the JSON of one key."""
    metadata = to_metadata(FACTS, ReaderSettings())
    return {**metadata, key: json.dumps({**json.loads(metadata[key]), **values})}
