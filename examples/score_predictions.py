"""Score a pred.json against a COCO json: AP and number accuracy with 95 % intervals. Needs no torch.

python examples/score_predictions.py PRED_JSON ANN_JSON
"""

import sys

from custom.data.coco_reading import read_annotations
from custom.evaluation.summary import report, score
from custom.reading.settings import ReaderConfig
from custom.submission.pred_json import read_pred_json

pred_json, ann_json = sys.argv[1:]
truth = read_annotations(ann_json)
print(report(*score(read_pred_json(pred_json, truth.image_ids), truth, ReaderConfig())))
