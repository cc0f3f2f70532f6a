"""Generator of synthetic photos."""

__all__: list[str] = ['camera', 'clutter', 'dataset', 'fonts', 'glyphs', 'layout', 'number', 'paint', 'scene', 'walls']
