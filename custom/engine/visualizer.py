"""A visualizer that imports matplotlib on first use and names images for MLflow."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
from mmdet.registry import VISUALIZERS
from mmdet.visualization import DetLocalVisualizer
from mmengine.dist import master_only

from ..utils.errors import UserError

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

    @master_only
    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Add an image, (h, w, 3) RGB uint8, to every backend; MLflow gets a file name, which names the format."""
        with self._writing():
            for backend in self._vis_backends.values():
                is_mlflow = type(backend).__name__ == 'MLflowVisBackend'
                backend.add_image(f'{name}_{step}.png' if is_mlflow else name, image, step)

    def add_scalars(self, *args: Any, **kwargs: Any) -> None:
        """Add values to every backend."""
        with self._writing():
            super().add_scalars(*args, **kwargs)

    def close(self) -> None:
        """Close every backend."""
        with self._writing():
            super().close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Name the folder in an error of the system, such as that of TensorBoard on a full disk.

        Raises:
            UserError: a backend cannot write.
        """
        try:
            yield
        except OSError as error:
            folders = {str(getattr(backend, '_save_dir', '')) for backend in self._vis_backends.values()}
            place = ', '.join(sorted(filter(None, folders))) or 'the log'
            reason = error.strerror or error
            raise UserError(f'{place}: could not be written ({reason}); choose another --work-dir') from error

    def __getattr__(self, name: str) -> Any:
        """Make the figure when one of its parts is first used."""
        if name not in FIGURE:
            raise AttributeError(f'{type(self).__name__} has no attribute {name!r}')
        canvas, figure, axes = super()._initialize_fig(self.fig_save_cfg)
        self.__dict__.update(zip(FIGURE, (canvas, figure, axes, figure.get_dpi()), strict=True))
        return vars(self)[name]
