"""Label formats of other tools."""

__all__: list[str] = ['coco', 'digit_struct', 'labels', 'svhn', 'svhn_archives', 'voc', 'yolo']
