"""Turn the boxes of any detector into a number, with other rules than the default ones. Needs no torch.

python examples/read_boxes.py
"""

import numpy as np

from custom.reading.numbers import read_number
from custom.reading.settings import ReaderConfig

# Three digits of a house number, and a small 7 on a lamp beside it.
bboxes = np.array([[10, 20, 30, 60], [34, 20, 54, 60], [58, 20, 78, 60], [120, 50, 126, 60.0]])  # xyxy in pixels
scores = np.array([0.9, 0.8, 0.95, 0.7])
labels = np.array([1, 0, 5, 7])

for config in (
    ReaderConfig(),
    ReaderConfig(max_gap=None, size_ratio=None),
    ReaderConfig(score_thr=0.85, weak_thr=0.85),
):
    reading = read_number(bboxes, scores, labels, config)
    print(f'score_thr={config.score_thr}, weak_thr={config.weak_thr}, max_gap={config.max_gap}: {reading.number}')
