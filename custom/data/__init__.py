"""Labels and photos on disk: layout, import, checks and splits."""

__all__: list[str] = [
    'box_checks',
    'coco_reading',
    'coco_writing',
    'formats',
    'importing',
    'known_numbers',
    'layout',
    'near_duplicates',
    'numbers',
    'pseudo_labels',
    'recognition',
    'splits',
    'summary',
]
