"""A visualizer that imports matplotlib on first use."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from mmdet.registry import VISUALIZERS
from mmdet.visualization import DetLocalVisualizer

FIGURE = ('fig_save_canvas', 'fig_save', 'ax_save', 'dpi')


@VISUALIZERS.register_module()
class DigitVisualizer(DetLocalVisualizer):
    """`DetLocalVisualizer` with a figure made on first use, since the import of matplotlib takes 0.3 s.

    Args:
        name: the name for `get_instance`.
        image: (h, w, 3) RGB, uint8, to draw on.
        args, kwargs: see `DetLocalVisualizer`.
    """

    def __init__(self, name: str = 'visualizer', image: np.ndarray | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(name, None, *args, **kwargs)
        for part in FIGURE:
            delattr(self, part)
        if image is not None:
            self.set_image(image)

    def _initialize_fig(self, fig_cfg: dict) -> tuple:
        return None, SimpleNamespace(get_dpi=lambda: None), None

    def __getattr__(self, name: str) -> Any:
        """Make the figure when one of its parts is first used."""
        if name not in FIGURE:
            raise AttributeError(f'{type(self).__name__} has no attribute {name!r}')
        canvas, figure, axes = super()._initialize_fig(self.fig_save_cfg)
        self.__dict__.update(zip(FIGURE, (canvas, figure, axes, figure.get_dpi()), strict=True))
        return vars(self)[name]
