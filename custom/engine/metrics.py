"""Metrics of validation and test runs."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest

import numpy as np
from mmdet.registry import METRICS
from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from mmengine.evaluator import BaseMetric

from ..evaluation.average_precision import Matches, match_boxes
from ..evaluation.bootstrap import point
from ..evaluation.number_accuracy import NumberResults
from ..reading.numbers import read_numbers
from ..reading.settings import BoxConfig, ReaderConfig, filter_boxes
from ..structures.annotations import DigitAnnotations, true_numbers
from ..structures.detections import Detections


class PhotoMetric(BaseMetric):
    """Base of metrics of the detections and the ground truth of all photos; subclasses define `compare`.

    The ground truth comes with the data samples (`instances` among `PackDetInputs`' meta keys): a subset of a data set
    is scored on its own photos. Without ground truth the result is empty.
    """

    results: list[list[dict]]  # photos of each batch

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep detections and ground truth of each photo of a batch as arrays."""
        self.results.append([_kept(sample) for sample in data_samples])

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the figures over the photos of all ranks, each photo once.

        The parent assumes that the ranks have equally many photos, assigned in turn one by one.
        """
        shares, self.results = all_gather_object(self.results), []
        figures: list[dict[str, float]] = [{}]
        if is_main_process():
            turns = zip_longest(*shares, fillvalue=())  # one batch of each rank
            photos = {photo['image_id']: photo for turn in turns for batch in turn for photo in batch}
            values = self.compute_metrics(list(photos.values()))
            figures = [{f'{self.prefix}/{name}': value for name, value in values.items()}]
        broadcast_object_list(figures)
        return figures[0]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Return the figures over photos; none if a photo has no ground truth."""
        if any(result['truth'] is None for result in results):
            return {}
        truth = ground_truth_of(results)
        detections = Detections.from_model(
            np.repeat(truth.image_ids, [len(result['scores']) for result in results]),
            *(np.concatenate([result[key] for result in results]) for key in ('bboxes', 'scores', 'labels')),
        )
        return self.compare(detections, truth)

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        """Return the figures; called on the main process only."""
        raise NotImplementedError


def _kept(sample: dict) -> dict:
    photo = {'image_id': sample['img_id'], 'truth': sample.get('instances')}
    if photo['truth'] is None:
        return photo  # boxes are not scored
    predicted = sample['pred_instances']
    arrays = {key: predicted[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')}
    return {**photo, 'size': sample['ori_shape'][::-1], **arrays}


@METRICS.register_module()
class DigitMetric(PhotoMetric):
    """COCO AP of digits, 0 to 1, by `custom.evaluation.average_precision`.

    Args:
        boxes: arguments of `BoxConfig`, which selects the boxes of pred.json. Defaults to None, its defaults.

    Attributes:
        matches: data of the latest figures, on the main process; None before.
    """

    default_prefix = 'digits'

    def __init__(self, boxes: dict | None = None) -> None:
        super().__init__()
        self.boxes = BoxConfig(**(boxes or {}))
        self.matches: Matches | None = None

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        """Return the AP of the boxes of pred.json."""
        self.matches = match_boxes(filter_boxes(detections, self.boxes), truth)
        return point(self.matches.figures, len(truth.image_ids))


@METRICS.register_module()
class NumberMetric(PhotoMetric):
    """Accuracy of whole numbers, 0 to 1, and kinds of error, by `NumberResults.estimates`.

    Args:
        reader: arguments of `ReaderConfig`. Defaults to None, its defaults.
        boxes: arguments of `BoxConfig`; numbers are read from the boxes of pred.json. Defaults to None, its defaults.

    Attributes:
        numbers: data of the latest figures, on the main process; None before.
    """

    default_prefix = 'number'

    def __init__(self, reader: dict | None = None, boxes: dict | None = None) -> None:
        super().__init__()
        self.reader, self.boxes = ReaderConfig(**(reader or {})), BoxConfig(**(boxes or {}))
        self.numbers: NumberResults | None = None

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        """Return the figures of the numbers, read from the boxes of pred.json."""
        readings = read_numbers(filter_boxes(detections, self.boxes), truth.image_ids, self.reader)
        self.numbers = NumberResults.of(readings, true_numbers(truth))
        return self.numbers.figures()


def results_of(metrics: Iterable[BaseMetric]) -> tuple[NumberResults | None, Matches | None]:
    """Return the arguments of `custom.evaluation.summary.report` from an evaluator's metrics; None if missing."""
    metrics = list(metrics)
    numbers = (metric.numbers for metric in metrics if isinstance(metric, NumberMetric))
    matches = (metric.matches for metric in metrics if isinstance(metric, DigitMetric))
    return next(numbers, None), next(matches, None)


def ground_truth_of(results: list[dict]) -> DigitAnnotations:
    """Convert what `PhotoMetric.process` keeps of photos."""
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
