"""The metrics that validation and testing print."""

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
from ..structures.annotations import DigitAnnotations, ground_truth_numbers
from ..structures.detections import Detections


class PhotoMetric(BaseMetric):
    """Gathers what was found on all photos and what is true there; what becomes of it is said by `compare`.

    The truth comes with the data samples (`instances` among `PackDetInputs`' meta keys), so that a subset of a data set
    is scored on its own photos. Where there is no truth the result is empty.
    """

    results: list[list[dict]]  # of the photos of each batch

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep what scoring needs of each photo of a batch: predictions and truth as arrays."""
        self.results.append([_kept(sample) for sample in data_samples])

    def evaluate(self, size: int) -> dict[str, float]:
        """The figures of the photos of all ranks, each counted once.

        The parent takes it that every rank was dealt as many photos as the others, one at a time.
        """
        shares, self.results = all_gather_object(self.results), []
        figures: list[dict[str, float]] = [{}]
        if is_main_process():
            turns = zip_longest(*shares, fillvalue=())  # a batch from each rank
            photos = {photo['image_id']: photo for turn in turns for batch in turn for photo in batch}
            found = self.compute_metrics(list(photos.values()))
            figures = [{f'{self.prefix}/{name}': value for name, value in found.items()}]
        broadcast_object_list(figures)
        return figures[0]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """The figures of all photos together."""
        if any(result['truth'] is None for result in results):
            return {}
        truth = truth_of(results)
        detections = Detections.from_model(
            np.repeat(truth.image_ids, [len(result['scores']) for result in results]),
            *(np.concatenate([result[key] for result in results]) for key in ('bboxes', 'scores', 'labels')),
        )
        return self.compare(detections, truth)

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        """The figures; called on the main process only."""
        raise NotImplementedError


def _kept(sample: dict) -> dict:
    photo = {'image_id': sample['img_id'], 'truth': sample.get('instances')}
    if photo['truth'] is None:
        return photo  # nothing to score: keep no boxes
    predicted = sample['pred_instances']
    arrays = {key: predicted[key].numpy(force=True) for key in ('bboxes', 'scores', 'labels')}
    return {**photo, 'size': sample['ori_shape'][::-1], **arrays}


@METRICS.register_module()
class DigitMetric(PhotoMetric):
    """COCO AP of the digits, 0 to 1: see `custom.evaluation.average_precision.average_precision`.

    Args:
        boxes: arguments of `BoxConfig`, which boxes go into pred.json. Defaults to None, its defaults.

    Attributes:
        matches: what the latest figures are made of; None before the first, and on other than the main process.
    """

    default_prefix = 'digits'

    def __init__(self, boxes: dict | None = None) -> None:
        super().__init__()
        self.boxes = BoxConfig(**(boxes or {}))
        self.matches: Matches | None = None

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        """Average precision of the boxes of pred.json."""
        self.matches = match_boxes(filter_boxes(detections, self.boxes), truth)
        return point(self.matches.figures, len(truth.image_ids))


@METRICS.register_module()
class NumberMetric(PhotoMetric):
    """Accuracy of the whole numbers, 0 to 1, and its errors: see `NumberResults.figures`.

    Args:
        reader: arguments of `ReaderConfig`. Defaults to None, its defaults.
        boxes: arguments of `BoxConfig`; the number is read from the boxes of pred.json. Defaults to None, its defaults.

    Attributes:
        numbers: what the latest figures are made of; None before the first, and on other than the main process.
    """

    default_prefix = 'number'

    def __init__(self, reader: dict | None = None, boxes: dict | None = None) -> None:
        super().__init__()
        self.reader, self.boxes = ReaderConfig(**(reader or {})), BoxConfig(**(boxes or {}))
        self.numbers: NumberResults | None = None

    def compare(self, detections: Detections, truth: DigitAnnotations) -> dict[str, float]:
        """Figures of the numbers, read from the boxes of pred.json."""
        readings = read_numbers(filter_boxes(detections, self.boxes), truth.image_ids, self.reader)
        self.numbers = NumberResults.of(readings, ground_truth_numbers(truth))
        return point(self.numbers.figures, len(truth.image_ids))


def results_of(metrics: Iterable[BaseMetric]) -> tuple[NumberResults | None, Matches | None]:
    """Arguments of `custom.evaluation.summary.report` from an evaluator's metrics; None where no metric has them."""
    numbers = [metric.numbers for metric in metrics if isinstance(metric, NumberMetric)]
    matches = [metric.matches for metric in metrics if isinstance(metric, DigitMetric)]
    return next(iter(numbers), None), next(iter(matches), None)


def truth_of(results: list[dict]) -> DigitAnnotations:
    """The truth of photos, from what `PhotoMetric.process` keeps of them."""
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
