"""The view of a photo for a `Detector` or a `MultiView`, equal to that of the MMDetection pipeline."""

import dataclasses

import numpy as np

from ..reading.settings import Views
from ..structures.resize import resize
from ..utils.errors import UserError
from .multiview import MultiView, View, view_of_photo

ONE_VIEW = Views()


def fitted(photo: np.ndarray, scale: tuple[float, float]) -> View:
    """Resize a photo (H, W, 3), uint8, to the largest size in `scale`, longer side first, in pixels.

    The result is that of MMDetection's `Resize` with keep_ratio.

    Raises:
        UserError: a side would be shorter than half a pixel.
    """
    height, width = photo.shape[:2]
    factor = min(max(scale) / max(height, width), min(scale) / min(height, width))
    new_width, new_height = (int(side * factor + 0.5) for side in (width, height))
    if not min(new_width, new_height):
        raise UserError(f'{width}x{height} pixels are too thin to be scaled; cut the photo')
    pixels = photo if (new_width, new_height) == (width, height) else resize(photo, new_width, new_height)
    return View(pixels, (new_width / width, new_height / height))


@dataclasses.dataclass(frozen=True)
class PhotoViews:
    """The view of a photo with and without test-time augmentation.

    Args:
        scale: largest sides of a photo at inference, longer side first, in pixels.
        views: the scales and crops of the search. Defaults to Views(), one view.
    """

    scale: tuple[int, int]
    views: Views = ONE_VIEW

    def __call__(self, photo: np.ndarray) -> View:
        """Return the view of a photo (H, W, 3), uint8 RGB: the whole photo for a search, else resized to `scale`.

        Raises:
            UserError: the photo is too thin to be scaled.
        """
        return view_of_photo(photo) if self.views.scales else fitted(photo, self.scale)

    def multiview(self, **fusion: float) -> MultiView | None:
        """Return the `MultiView` with these arguments that searches a photo, None for one view."""
        if not self.views.scales:
            return None
        heights = tuple(share * min(self.scale) for share in self.views.digits)
        return MultiView(self.scale, self.views.scales, heights, **fusion)  # type: ignore[arg-type]
