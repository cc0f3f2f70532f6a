"""Code of the tools: parsers, and the commands that span several packages."""

__all__: list[str] = [
    'contact_sheets',
    'cross_validate',
    'digits',
    'doctor',
    'export_onnx',
    'launch',
    'mmdet_scripts',
    'parser',
    'prepare_data',
]
