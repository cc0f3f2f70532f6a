"""Random numbers with the detections of an imperfect model."""

import numpy as np

from custom.structures.annotations import DigitAnnotations
from custom.structures.detections import Detections


def scenes(photos=60, seed=0, empty=0.1):
    """Numbers of up to four digits, found with mistakes: digits lost, doubled, misread, and phantoms of all sizes."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for image_id in rng.permutation(1000)[:photos].tolist():
        count = 0 if rng.random() < empty else int(rng.integers(1, 5))
        for i, label in enumerate(rng.integers(0, 10, count).tolist()):
            truth.append((image_id, [20.0 * i, 5.0, 16.0, 30.0], label))
            if rng.random() < 0.9:
                seen = label if rng.random() < 0.9 else (label + 1) % 10
                found.append((image_id, [20.0 * i, 5, 20 * i + 16, 35], rng.beta(4, 2), seen))
            if rng.random() < 0.3:
                found.append((image_id, [20.0 * i + 1, 5, 20 * i + 17, 36], rng.beta(2, 4), (label + 5) % 10))
        for left, height in zip(rng.uniform(-80, 160, 2), rng.uniform(8, 60, 2), strict=True):
            found.append((image_id, [left, 5, left + 10, 5 + height], rng.beta(1, 4), int(rng.integers(10))))
        truth.append((image_id, None, None))
    ids = np.array(list(dict.fromkeys(row[0] for row in truth)), dtype=np.int64)
    boxes = [row for row in truth if row[1]]
    annotations = DigitAnnotations(
        ids,
        [],
        np.full((len(ids), 2), 200),
        np.array([row[0] for row in boxes], dtype=np.int64),
        np.array([row[1] for row in boxes], dtype=float).reshape(-1, 4),
        np.array([row[2] for row in boxes], dtype=np.int64),
        np.zeros(len(boxes), dtype=bool),
    )
    order = rng.permutation(len(found))
    columns = zip(*(found[i] for i in order), strict=True)
    return Detections.from_model(*columns), annotations
