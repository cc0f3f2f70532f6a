"""The metric that validation and testing print."""

from collections.abc import Sequence

import numpy as np
from mmdet.registry import METRICS
from mmengine.evaluator import BaseMetric

from custom.annotations import DigitAnnotations
from custom.predictions import Detections
from custom.reading import ReaderConfig, read_numbers
from custom.scoring import average_precision, number_accuracy, true_numbers


@METRICS.register_module()
class DigitMetric(BaseMetric):
    """COCO AP of the digits and accuracy of the whole numbers.

    The truth comes with the data samples (`instances` among `PackDetInputs`' meta keys), so that a subset of a data set
    is scored on its own photos. Where there is no truth the result is empty.

    Args:
        reader: arguments of `ReaderConfig`. Defaults to None, its defaults.
    """

    default_prefix = 'digits'

    def __init__(self, reader: dict | None = None) -> None:
        super().__init__(collect_device='gpu')  # works on CPUs, too, where 'cpu' would want a shared folder
        self.reader = ReaderConfig(**(reader or {}))

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what scoring needs of each photo: predictions and truth as arrays."""
        for sample in data_samples:
            if 'instances' not in sample:
                self.results.append({'truth': None})  # nothing to score: keep no boxes
                continue
            predicted = sample['pred_instances']
            self.results.append(
                {
                    'image_id': sample['img_id'],
                    'size': sample['ori_shape'][::-1],
                    'truth': sample['instances'],
                    **{key: predicted[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')},
                }
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """AP figures (0 to 1) and number accuracy (0 to 1) of all photos together."""
        if any(result['truth'] is None for result in results):
            return {}
        truth = _truth(results)
        detections = Detections.from_model(
            np.repeat(truth.image_ids, [len(result['scores']) for result in results]),
            *(np.concatenate([result[key] for result in results]) for key in ('bboxes', 'scores', 'labels')),
        )
        readings = read_numbers(detections, truth.image_ids, self.reader)
        numbers = {image_id: reading.number for image_id, reading in readings.items()}
        accuracy = number_accuracy(numbers, true_numbers(truth))
        return {'number_accuracy': accuracy, **average_precision(detections, truth)}


def _truth(results: list[dict]) -> DigitAnnotations:
    boxes = [(result['image_id'], box) for result in results for box in result['truth']]
    xyxy = np.array([box['bbox'] for _, box in boxes], dtype=np.float64).reshape(-1, 4)
    return DigitAnnotations(
        image_ids=np.array([result['image_id'] for result in results], dtype=np.int64),
        file_names=[],
        sizes=np.array([result['size'] for result in results], dtype=np.int64).reshape(-1, 2),
        box_image_ids=np.array([image_id for image_id, _ in boxes], dtype=np.int64),
        bboxes=np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]]),
        labels=np.array([box['bbox_label'] for _, box in boxes], dtype=np.int64),
        iscrowd=np.array([box['ignore_flag'] for _, box in boxes], dtype=bool),
    )
