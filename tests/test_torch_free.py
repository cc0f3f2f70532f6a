"""The reader without torch: fusion, reading, submission and pictures need the standard library, numpy and Pillow."""

import subprocess
import sys

from helpers.project import ROOT

FORBIDDEN = ['torch', 'torchvision', 'mmdet', 'mmengine', 'mmcv', 'timm', 'cv2', 'h5py', 'matplotlib', 'pandas']
FORBIDDEN += ['msgspec', 'orjson', 'scipy', 'tqdm']
SCENE = """
from pathlib import Path

import numpy as np

from custom.reading.settings import BoxConfig, filter_boxes
from custom.reading.fusion import fuse_detections
from custom.visualization.pictures import Shot, contact_sheet
from custom.submission.pred_json import Detections, read_pred_json, write_pred_json
from custom.reading.settings import ReaderSettings, read_reader, write_reader
from custom.reading.lookup import reader_of_predictions
from custom.reading.numbers import read_numbers
from custom.submission.bundle import complete_submission, read_pred_csv

boxes = [[2, 2, 8, 18], [10, 2, 16, 18]]
one, two = (Detections.from_model([1, 1], boxes, scores, [1, 7]) for scores in ([0.9, 0.8], [0.7, 0.6]))
write_pred_json('pred.json', filter_boxes(fuse_detections([one, two]), BoxConfig()))
write_reader('reader.json', ReaderSettings())
detections = read_pred_json('pred.json', [1, 2])
readings = read_numbers(detections, [1, 2], read_reader('reader.json').number)
complete_submission('.', {i: reading.number for i, reading in readings.items()}, ['house.png', '2.png'])
contact_sheet([Shot.take(np.zeros((20, 20, 3), np.uint8), 1, detections, readings[1], '17')], 'one').save('sheet.png')
print(read_pred_csv('pred.csv'), reader_of_predictions(Path('pred.json')).source)
"""


def run(code, folder):
    paths = f'import sys; sys.path.insert(0, {str(ROOT)!r}); sys.modules.update(dict.fromkeys({FORBIDDEN!r}))\n'
    return subprocess.run([sys.executable, '-c', paths + code], cwd=folder, capture_output=True, text=True)


def test_from_boxes_to_a_submission(tmp_path):
    done = run(SCENE, tmp_path)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == "{1: '17', 2: ''} reader.json\n"
    names = ['images.csv', 'pred.csv', 'pred.json', 'reader.json', 'sheet.png', 'submission.zip']
    assert sorted(path.name for path in tmp_path.iterdir()) == names
