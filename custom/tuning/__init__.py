"""Choice of the reader settings on validation predictions."""

__all__: list[str] = ['calibration', 'outcomes', 'reader', 'search', 'sets', 'summary']
