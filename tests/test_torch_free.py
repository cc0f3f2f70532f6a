"""The torch-free reader: from photos to a validated submission with the standard library, numpy and Pillow."""

import subprocess
import sys

import pytest
from helpers.project import ROOT

pytestmark = pytest.mark.integration

FORBIDDEN = ['torch', 'torchvision', 'mmdet', 'mmengine', 'mmcv', 'timm', 'cv2', 'h5py', 'matplotlib', 'pandas']
FORBIDDEN += ['msgspec', 'orjson', 'scipy', 'tqdm', 'yaml', 'jinja2']
SCENE = """
from pathlib import Path

import numpy as np
from PIL import Image

from custom.inference.answers import Copies, answer_of, find_photos, ids_of, table_line, write_answers
from custom.inference.multiview import MultiView, view_of_photo
from custom.inference.reader import PhotoReader
from custom.reading.fusion import fuse_detections
from custom.reading.lookup import reader_of_predictions
from custom.reading.numbers import read_numbers
from custom.reading.settings import ReaderSettings, read_reader, write_reader
from custom.structures.photos import photo_size
from custom.submission.bundle import complete_submission
from custom.submission.pred_json import read_sources, write_pred_json
from custom.submission.validator import check_submission
from custom.visualization.pictures import Shot, contact_sheet


class Bright:
    '''A detector of bright columns as sevens.'''

    def detect(self, views):
        return [self.boxes(view) for view in views]

    def boxes(self, view):
        bright = view.pixels[..., 0].max(axis=0) > 127
        edges = np.flatnonzero(np.diff(bright, prepend=False, append=False)).reshape(-1, 2)
        bboxes = np.array([[left, 0, right, len(view.pixels)] for left, right in edges]).reshape(-1, 4)
        scores, labels = np.full(len(edges), 0.9, np.float32), np.full(len(edges), 7)
        return (bboxes / np.tile(view.scale, 2)).astype(np.float32), scores, labels


pixels = np.zeros((40, 100, 3), np.uint8)
pixels[:, 20:40] = pixels[:, 50:70] = 255
Path('in').mkdir()
Image.fromarray(pixels).save('in/house.png')
Image.new('RGB', (100, 40)).save('in/2.png')
write_reader('reader.json', ReaderSettings())
paths = find_photos(['in'])
ids = ids_of(paths)
reader = PhotoReader(Bright(), view_of_photo, read_reader('reader.json'), MultiView((160, 80), (0.5, 1), (40,)))
answers = [answer_of(*item, 0.5) for item in zip(ids, paths, reader.read_many(paths))]
copies = Copies(Path('out'), paths)
for answer in answers:
    print(table_line(answer, boxes=True))
    copies.write(answer)
write_answers(Path('out'), answers)

detections = fuse_detections(read_sources(['out/pred.json'] * 2))
write_pred_json('pred.json', detections)
readings = read_numbers(detections, ids, reader_of_predictions(Path('pred.json')).reader.number)
complete_submission('.', {i: reading.number for i, reading in readings.items()}, [path.name for path in paths])
files = [Path(name) for name in ('pred.json', 'pred.csv', 'submission.zip')]
print(check_submission(*files, ids, [photo_size(path) for path in paths]))
contact_sheet([Shot.take(pixels, ids[1], detections, readings[ids[1]], '77')], 'one').save('sheet.png')
"""


@pytest.mark.integration
def test_from_photos_to_a_valid_submission(tmp_path):
    paths = f'import sys; sys.path.insert(0, {str(ROOT)!r}); sys.modules.update(dict.fromkeys({FORBIDDEN!r}))\n'
    done = subprocess.run([sys.executable, '-c', paths + SCENE], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.splitlines() == [
        'in/2.png\t-1\t1.000\t',
        'in/house.png\t77\t0.810\t7 0.90 [20, 0, 40, 40]; 7 0.90 [50, 0, 70, 40]',
        'SubmissionReport(problems=[], boxes=2, numbers=1)',
    ]
    names = ['images.csv', 'in', 'out', 'pred.csv', 'pred.json', 'reader.json', 'sheet.png', 'submission.zip']
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == ['annotated', 'numbers.csv', 'pred.json']
