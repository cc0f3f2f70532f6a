import numpy as np
import pytest

from custom.annotations import DigitAnnotations
from custom.cross_validation import pool_folds, run_folds
from custom.errors import UserError
from custom.predictions import Detections, read_pred_json, write_pred_json
from custom.reader_config import ReaderConfig
from custom.reader_file import Reader, write_reader

FOLD_OF = np.array([0, 1, 0, 1])
# Four photos with one digit each, the same as the image id.
TRUTH = DigitAnnotations(
    image_ids=np.array([1, 2, 3, 4]),
    file_names=['1.png', '2.png', '3.png', '4.png'],
    sizes=np.full((4, 2), 20),
    box_image_ids=np.array([1, 2, 3, 4]),
    bboxes=np.tile([4.0, 4.0, 8.0, 12.0], (4, 1)),
    labels=np.array([1, 2, 3, 4]),
    iscrowd=np.zeros(4, bool),
)


class Runs:
    """Finds every digit of the fold but the one on photo 4; the scores are 0.4."""

    def __init__(self):
        self.called = []

    def train(self, folder):
        self.called.append(('train', folder.name))

    def test(self, folder):
        self.called.append(('test', folder.name))
        ids = [1, 3] if folder.name == 'fold_1' else [2]
        found = Detections.from_model(ids, [[4, 4, 12, 16]] * len(ids), [0.4] * len(ids), ids)
        write_pred_json(folder / 'valid/pred.json', found)
        write_reader(folder / 'valid/reader.json', Reader(number=ReaderConfig(score_thr=0.3)))


@pytest.fixture
def folders(tmp_path):
    return [tmp_path / 'fold_1', tmp_path / 'fold_2']


def test_folds_are_run_in_turn_and_not_twice(folders, capsys, monkeypatch):
    runs, times = Runs(), iter([0, 90, 90, 170])
    monkeypatch.setattr('time.monotonic', lambda: next(times))
    run_folds(folders, FOLD_OF, runs)
    assert runs.called == [('train', 'fold_1'), ('test', 'fold_1'), ('train', 'fold_2'), ('test', 'fold_2')]
    assert capsys.readouterr().err.splitlines() == [
        'fold 1 of 2: 2 photos to train on, 2 to test',
        'fold 2 of 2: 2 photos to train on, 2 to test | about 1 min 30 s left',
    ]
    monkeypatch.undo()
    (folders[1] / 'valid/pred.json').unlink()
    again = Runs()
    run_folds(folders, FOLD_OF, again)
    assert again.called == [('train', 'fold_2'), ('test', 'fold_2')]
    assert capsys.readouterr().err.startswith('fold 1 of 2: 2 photos to train on, 2 to test: done before\n')


def test_folds_are_scored_alone_and_together_by_the_readers_threshold(folders, tmp_path):
    run_folds(folders, FOLD_OF, Runs())
    outcome = pool_folds(folders, FOLD_OF, TRUTH, tmp_path / 'pred.json')
    assert outcome.photos == [2, 2]
    assert [figures['accuracy'] for figures in outcome.figures] == [1.0, 0.5]
    assert [figures['AP'] for figures in outcome.figures] == pytest.approx([1.0, 0.5])
    lines = str(outcome).splitlines()
    assert lines[0].startswith('number accuracy 0.750 (3 of 4 photos; 95 % interval ')
    assert any(line.startswith('AP 0.750 (') for line in lines)
    assert lines[-3:] == [
        'fold 1 (2 photos): number accuracy 1.000 | AP 1.000 | AP50 1.000 | AP75 1.000',
        'fold 2 (2 photos): number accuracy 0.500 | AP 0.500 | AP50 0.500 | AP75 0.500',
        # 0.25 from the mean each: sqrt(2 * 0.25 ** 2 / (2 - 1))
        'mean ± standard deviation of the folds: '
        'number accuracy 0.750 ± 0.354 | AP 0.750 ± 0.354 | AP50 0.750 ± 0.354 | AP75 0.750 ± 0.354',
    ]
    assert sorted(read_pred_json(tmp_path / 'pred.json').image_ids.tolist()) == [1, 2, 3]


def test_predictions_of_other_photos_are_refused(folders, tmp_path):
    run_folds(folders, FOLD_OF, Runs())
    with pytest.raises(UserError, match=r'fold_1/valid/pred\.json: 1 of its image ids are none of the 2 photos'):
        pool_folds(folders, np.array([0, 1, 1, 0]), TRUTH, tmp_path / 'pred.json')
    assert not (tmp_path / 'pred.json').exists()
