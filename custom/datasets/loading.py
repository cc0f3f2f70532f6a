"""Loading of photos in all pixel formats, and reduction of large ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform, Compose
from mmdet.apis import DetInferencer
from mmdet.registry import TRANSFORMS

from ..inference.multiview import view_of_photo
from ..structures.photos import read_photo


@TRANSFORMS.register_module()
class LoadPhoto(BaseTransform):
    """mmcv's `LoadImageFromFile` for every kind of photo: grey, palette, alpha, 16 bit, CMYK, EXIF orientation.

    Required keys: `img_path`, or `img`, which is kept. Added keys: `img` (uint8 (H, W, 3), BGR as MMDetection's
    transforms expect), `img_shape` and `ori_shape` (both (H, W) in pixels).

    Args:
        cache_mb: megabytes of decoded photos that a process caches for later epochs. Decoding is a quarter of the time
            for loading training images. Defaults to 0.
    """

    def __init__(self, cache_mb: float = 0) -> None:
        self.left = cache_mb * 1e6
        self.cache: dict[str, np.ndarray] = {}

    def transform(self, results: dict | str | np.ndarray) -> dict:
        """Read the pixels of `results['img_path']`; a path or pixels alone are the input of a `DetInferencer`.

        Raises:
            UserError: the file is missing or damaged.
        """
        if not isinstance(results, dict):
            results = {'img' if isinstance(results, np.ndarray) else 'img_path': results}
        path = results.get('img_path', '')
        img = results.get('img', self.cache.get(path))
        if img is None:
            img = np.ascontiguousarray(read_photo(path)[..., ::-1])
            if img.nbytes <= self.left:
                img.flags.writeable = False  # a transform must not change the cached photo
                self.left -= img.nbytes
                self.cache[path] = img
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results


@TRANSFORMS.register_module()
class ReduceLarge(BaseTransform):
    """Reduction of large images, from which `MultiView` cuts its views; others keep their size.

    Required key: `img`. Modified: `img`, `img_shape`. Added: `scale_factor`, pixels per pixel of the original.
    """

    def transform(self, results: dict) -> dict:
        """Reduce `results['img']` as `view_of_photo` does."""
        view = view_of_photo(results['img'])
        return {**results, 'img': view.pixels, 'img_shape': view.pixels.shape[:2], 'scale_factor': view.scale}


def serve_inferencer() -> None:
    """Let MMDetection's `DetInferencer` take test pipelines that begin with `LoadPhoto`."""
    stock = DetInferencer._init_pipeline

    def init_pipeline(self: DetInferencer, cfg: Any) -> Callable:
        steps = cfg.test_dataloader.dataset.pipeline
        return Compose(steps) if steps[0]['type'] == 'LoadPhoto' else stock(self, cfg)

    DetInferencer._init_pipeline = init_pipeline
