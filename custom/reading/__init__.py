"""From detected digits to the number on a photo."""

__all__: list[str] = ['calibration', 'fusion', 'lookup', 'numbers', 'rules', 'second_look', 'settings']
