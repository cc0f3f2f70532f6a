"""Detectors, their operators and checkpoints."""

__all__: list[str] = [
    'backbones',
    'batch_norm',
    'bfloat16',
    'checkpoints',
    'convolutions',
    'detector',
    'exporting',
    'mmcv_ops',
    'numerics',
    'onnx_check',
    'onnx_export',
    'onnx_graph',
    'onnx_quantise',
    'reader_of_weights',
    'roi_align',
    'roi_head',
    'rpn_head',
    'torchvision_parts',
    'torchvision_weights',
    'tta',
]
