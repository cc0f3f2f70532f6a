"""Fusion of boxes and the number that they form."""

__all__: list[str] = ['calibration', 'crops', 'fusion', 'lookup', 'numbers', 'rules', 'settings']
