"""Transforms that MMDetection and mmcv lack."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import Resize
from mmdet.registry import TRANSFORMS

from ..structures.photos import read_photo


@TRANSFORMS.register_module()
class LoadPhoto(BaseTransform):
    """mmcv's `LoadImageFromFile` for every kind of photo: grey, palette, alpha, 16 bit, CMYK, EXIF-turned.

    Required keys: `img_path`. Added keys: `img` (uint8 (H, W, 3), BGR as MMDetection's transforms expect), `img_shape`
    and `ori_shape` (both (H, W) in pixels).

    Args:
        cache_mb: megabytes of decoded photos that a process keeps for its next epochs; those that come when they are
            used up are read again each time. Decoding is a quarter of what training photos take. Defaults to 0.
    """

    def __init__(self, cache_mb: float = 0) -> None:
        self.left = cache_mb * 1e6
        self.kept: dict[str, np.ndarray] = {}

    def _read(self, path: str) -> np.ndarray:
        if path in self.kept:
            return self.kept[path]
        img = np.ascontiguousarray(read_photo(path)[..., ::-1])
        if img.nbytes <= self.left:
            img.flags.writeable = False  # a transform that writes to it would change it for good
            self.left -= img.nbytes
            self.kept[path] = img
        return img

    def transform(self, results: dict) -> dict:
        """Read the pixels of `results['img_path']`.

        Raises:
            UserError: the file is missing or damaged.
        """
        img = self._read(results['img_path'])
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results


@TRANSFORMS.register_module()
class ShrinkToFit(Resize):
    """MMDetection's `Resize` for photos that are larger than `scale`; smaller ones stay as they are."""

    def transform(self, results: dict) -> dict:
        """Resize `results['img']`, unless it fits."""
        sides = sorted(results['img'].shape[:2])
        if sides[0] <= min(self.scale) and sides[1] <= max(self.scale):
            return {**results, 'scale_factor': (1.0, 1.0)}
        return super().transform(results)
