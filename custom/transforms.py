"""Transforms that MMDetection and mmcv lack."""

from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS

from custom.photos import read_photo


@TRANSFORMS.register_module()
class LoadPhoto(BaseTransform):
    """mmcv's `LoadImageFromFile` for every kind of photo: grey, palette, alpha, 16 bit, CMYK, EXIF-turned.

    Required keys: `img_path`. Added keys: `img` (uint8 (H, W, 3), BGR as MMDetection's transforms expect), `img_shape`
    and `ori_shape` (both (H, W) in pixels).
    """

    def transform(self, results: dict) -> dict:
        """Read the pixels of `results['img_path']`.

        Raises:
            UserError: the file is missing or damaged.
        """
        img = read_photo(results['img_path'])[..., ::-1]
        results['img'] = img
        results['img_shape'] = results['ori_shape'] = img.shape[:2]
        return results
