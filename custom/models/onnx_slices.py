"""Convolutions of an exported backbone in slices of channels, which lower the memory of a run."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

VALUES = 4  # of a slice for each pixel of the image at most; 16 channels of a map of stride 2
BLOCK = 16  # channels that ONNX Runtime computes together
ACTIVATIONS = 'Clip', 'Relu'


def slice_channels(model: onnx.ModelProto) -> onnx.ModelProto:
    """Split the maps between pointwise and depthwise convolutions into slices of channels.

    These are the largest maps of a backbone of inverted residuals (https://arxiv.org/abs/1801.04381). ONNX Runtime
    computes one slice after the other, so that one of them exists at a time. Each value is computed as before.

    Args:
        model: with constant weights, as of `custom.models.onnx_export.to_onnx`.

    Returns:
        A model with the same results.
    """
    sliced = onnx.ModelProto()
    sliced.CopyFrom(model)
    graph = sliced.graph
    weights = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for output in graph.output:  # read by the caller
        readers.setdefault(output.name, []).append(NodeProto())
    nodes: list[NodeProto] = []
    strides: dict[str, int] = {}
    done: set[str] = set()
    for node in graph.node:
        stride = max((strides.get(name, 1) for name in node.input), default=1) * _attribute(node, 'strides', [1])[0]
        strides[node.output[0]] = stride
        if node.output[0] in done:
            continue
        chain = _chain(node, readers, weights)
        size = _size(len(weights[node.input[1]]), VALUES * stride**2) if chain else 0
        if not chain or size >= len(weights[node.input[1]]):
            nodes.append(node)
            continue
        nodes += _slices(chain, size, weights)
        done.update(one.output[0] for one in chain)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]  # clearing a list ends its items
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items() if name in used)
    return sliced


def _attribute(node: NodeProto, name: str, default: Any) -> Any:
    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)


def _size(channels: int, most: int) -> int:
    """Return the channels of each slice: slices of about equal size, in whole blocks.

    Example:
        >>> _size(144, 64), _size(96, 16), _size(240, 256)
        (48, 16, 240)
    """
    count = math.ceil(channels / most)
    return math.ceil(channels / count / BLOCK) * BLOCK if count > 1 else channels


def _chain(
    node: NodeProto, readers: Mapping[str, Sequence[NodeProto]], weights: Mapping[str, np.ndarray]
) -> list[NodeProto]:
    """Return a pointwise convolution, the depthwise one that alone reads its map, and the activations behind each.

    The list is empty if the node does not begin such a chain, or if a weight is not constant.
    """
    if _kind(node, weights) != 'pointwise':
        return []
    chain, kinds = [node], ['pointwise']
    while len(own := readers.get(chain[-1].output[0], ())) == 1:
        kind = _kind(own[0], weights)
        if kind != 'activation' and (kind != 'depthwise' or kind in kinds):
            break
        chain.append(own[0])
        kinds.append(kind)
    are_constant = all(name in weights for one in chain for name in one.input[1:])
    return chain if 'depthwise' in kinds and are_constant else []


def _kind(node: NodeProto, weights: Mapping[str, np.ndarray]) -> str:
    if node.op_type in ACTIVATIONS:
        return 'activation'
    if node.op_type != 'Conv' or node.input[1] not in weights:
        return 'other'
    shape, groups = weights[node.input[1]].shape, _attribute(node, 'group', 1)
    if groups == 1:
        return 'pointwise' if shape[2:] == (1, 1) else 'other'
    return 'depthwise' if groups == shape[0] else 'other'


def _slices(chain: Sequence[NodeProto], size: int, weights: dict[str, np.ndarray]) -> list[NodeProto]:
    """Return the nodes of a chain in slices of `size` channels and their concatenation; add their weights."""
    channels, nodes, outputs = len(weights[chain[0].input[1]]), [], []
    for start in range(0, channels, size):
        mark, value = f'/channels_{start}', chain[0].input[0]
        for node in chain:
            names = [value]
            for name in node.input[1:]:
                if weights[name].ndim:  # not the limits of a Clip
                    weights[name + mark] = np.ascontiguousarray(weights[name][start : start + size])
                names.append(name + mark if weights[name].ndim else name)
            part = NodeProto()
            part.CopyFrom(node)
            part.name, part.input[:], part.output[:] = node.name + mark, names, [node.output[0] + mark]
            for one in part.attribute:
                if one.name == 'group' and one.i > 1:
                    one.i = len(weights[names[1]])
            nodes.append(part)
            value = part.output[0]
        outputs.append(value)
    end = chain[-1].output[0]
    return [*nodes, helper.make_node('Concat', outputs, [end], name=f'{end}/channels', axis=1)]
