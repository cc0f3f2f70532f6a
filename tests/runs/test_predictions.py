import os

import pytest

from custom.reading.settings import ReaderSettings, write_reader
from custom.runs.predictions import weights_notes


@pytest.fixture
def work_dir(tmp_path):
    """A work dir: the checkpoint, its reader.json, a dump in valid/ of the same weights, each 10 s after the other."""
    (tmp_path / 'valid').mkdir()
    (tmp_path / 'best_score_epoch_1.pth').write_bytes(b'weights')
    (tmp_path / 'valid' / 'pred.json').write_text('[]')
    write(tmp_path, 'ab12')
    write(tmp_path / 'valid', 'ab12')
    set_time(tmp_path / 'best_score_epoch_1.pth', 10)
    set_time(tmp_path / 'reader.json', 20)
    set_time(tmp_path / 'valid' / 'pred.json', 30)
    return tmp_path


def write(folder, fingerprint):
    write_reader(folder / 'reader.json', ReaderSettings(fingerprint=fingerprint))


def set_time(path, seconds):
    os.utime(path, (1_700_000_000 + seconds,) * 2)


OLDER = (
    '{0}/valid/pred.json: predictions older than {0}/best_score_epoch_1.pth; make them again by tools/test.py --dump'
)


def test_predictions_of_the_checkpoint(work_dir):
    assert weights_notes(work_dir / 'valid' / 'pred.json') == []
    set_time(work_dir / 'valid' / 'pred.json', 0)  # copied: the hash tells
    assert weights_notes(work_dir / 'valid' / 'pred.json') == []


def test_predictions_of_other_weights(work_dir):
    write(work_dir / 'valid', 'cd34')
    assert weights_notes(work_dir / 'valid' / 'pred.json') == [
        f'{work_dir}/valid/pred.json: predictions of other weights (cd34) than {work_dir}/best_score_epoch_1.pth '
        '(ab12); make them again by tools/test.py --dump'
    ]
    assert weights_notes(work_dir / 'valid') == weights_notes(work_dir / 'valid' / 'pred.json')


@pytest.mark.parametrize('lacking', ['', 'valid/reader.json', 'reader.json', 'valid/reader.json broken'])
def test_predictions_older_than_the_checkpoint(work_dir, lacking):
    """Without a hash of both, or with a checkpoint that is newer than its reader.json, the times are compared."""
    name, _, broken = lacking.partition(' ')
    if broken:
        (work_dir / name).write_text('{')
    elif name:
        (work_dir / name).unlink()
        assert weights_notes(work_dir / 'valid' / 'pred.json') == []
    set_time(work_dir / 'best_score_epoch_1.pth', 40)  # trained again
    assert weights_notes(work_dir / 'valid' / 'pred.json') == [OLDER.format(work_dir)]


def test_predictions_in_the_work_dir_itself_are_compared_by_time(work_dir):
    (work_dir / 'pred.json').write_text('[]')
    set_time(work_dir / 'pred.json', 5)
    assert weights_notes(work_dir / 'pred.json') == [OLDER.format(work_dir).replace('/valid/', '/')]


def test_the_last_checkpoint_without_a_best_one(work_dir):
    (work_dir / 'best_score_epoch_1.pth').rename(work_dir / 'epoch_3.pth')
    (work_dir / 'last_checkpoint').write_text('epoch_3.pth')
    set_time(work_dir / 'epoch_3.pth', 40)
    (note,) = weights_notes(work_dir / 'valid' / 'pred.json')
    assert f'predictions older than {work_dir}/epoch_3.pth;' in note


def test_predictions_without_a_work_dir(tmp_path):
    (tmp_path / 'pred.json').write_text('[]')
    assert weights_notes(tmp_path / 'pred.json', tmp_path / 'gone.json') == []
