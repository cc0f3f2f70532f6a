"""What the tools share: parsers, and the commands that need more than one module."""

__all__: list[str] = [
    'contact_sheets',
    'cross_validate',
    'digits',
    'doctor',
    'launch',
    'mmdet_scripts',
    'parser',
    'prepare_data',
]
