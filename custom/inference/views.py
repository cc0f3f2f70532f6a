"""Views of a photo for a `Detector`, equal to those of the MMDetection pipeline (`Resize` with keep_ratio)."""

import dataclasses

import numpy as np

from ..reading.settings import Views
from ..structures.resize import resize
from ..utils.errors import UserError
from .multiview import MultiView, View

ONE_VIEW = Views()
LARGEST = 8  # crops are cut from the original image, reduced to at most this multiple of the scale of inference


def fitted(photo: np.ndarray, scale: tuple[float, float], enlarge: bool = True) -> View:
    """Resize a photo (H, W, 3), uint8, so that its sides are at most those of `scale`, longer side first, in pixels.

    Without `enlarge` a photo that fits keeps its size.

    Raises:
        UserError: a side would be shorter than half a pixel.
    """
    height, width = photo.shape[:2]
    factor = min(max(scale) / max(height, width), min(scale) / min(height, width))
    if factor >= 1 and not enlarge:
        return View(photo, (1.0, 1.0))
    new_width, new_height = (int(side * factor + 0.5) for side in (width, height))
    if not min(new_width, new_height):
        raise UserError(f'{width}x{height} pixels are too thin to be scaled; cut the photo')
    pixels = photo if (new_width, new_height) == (width, height) else resize(photo, new_width, new_height)
    return View(pixels, (new_width / width, new_height / height))


@dataclasses.dataclass(frozen=True)
class PhotoViews:
    """The views of test-time augmentation, or one view without it.

    Args:
        scale: largest sides of a photo at inference, longer side first, in pixels.
        views: scales relative to `scale`, and crops. Defaults to Views(), one view.
    """

    scale: tuple[int, int]
    views: Views = ONE_VIEW

    def __call__(self, photo: np.ndarray) -> list[View]:
        """Return the views of a photo (H, W, 3), uint8 RGB; with crops the last one is the photo they are cut from.

        Raises:
            UserError: the photo is too thin to be scaled.
        """
        scales = [tuple(round(side * factor) for side in self.scale) for factor in self.views.scales or (1,)]
        views = [fitted(photo, (scale[0], scale[1])) for scale in scales]
        if self.views.digits:
            views.append(fitted(photo, (self.scale[0] * LARGEST, self.scale[1] * LARGEST), enlarge=False))
        return views

    def multiview(self, **fusion: float) -> MultiView | None:
        """Return the `MultiView` with these arguments that fuses the views, None for one view."""
        if not self.views.scales:
            return None
        heights = tuple(share * min(self.scale) for share in self.views.digits)
        return MultiView(digit_heights=heights, **fusion)  # type: ignore[arg-type]
