from types import SimpleNamespace

import pytest
import torch

from custom.models.checkpoints import fingerprint
from custom.models.reader_of_weights import choose_reader
from custom.reading.settings import BoxConfig, ReaderConfig, ReaderSettings, write_reader
from custom.utils.errors import UserError

WEIGHTS = {'weight': torch.tensor([1.0, 2.0])}
OWN, OTHER = fingerprint(WEIGHTS), fingerprint({'weight': torch.tensor([3.0])})


def reader(score_thr, own=OWN):
    return ReaderSettings(ReaderConfig(score_thr), BoxConfig(0.01), own)


@pytest.fixture
def checkpoint(tmp_path):
    return saved(tmp_path / 'best.pth')


def saved(path, meta=None):
    torch.save({'state_dict': WEIGHTS, **({} if meta is None else {'meta': meta})}, path)
    return path


def choose(checkpoint, wanted=None, evaluator=None):
    metrics = [{'type': 'DigitMetric'}, {'type': 'NumberMetric', 'reader': {'score_thr': 0.7}}]
    cfg = SimpleNamespace(test_evaluator=metrics if evaluator is None else evaluator)
    found = choose_reader(cfg, checkpoint, None if wanted is None else str(wanted))
    return found, cfg.test_evaluator


def test_with_nothing_there_the_config_reads(checkpoint):
    found, _ = choose(checkpoint)
    assert found.reader == ReaderSettings(ReaderConfig(0.7))
    assert found.notes == ()
    assert str(found) == 'score threshold 0.7 from the config'


def test_the_checkpoints_own_goes_before_the_file_beside_it(tmp_path):
    write_reader(tmp_path / 'reader.json', reader(0.2))
    assert choose(saved(tmp_path / 'a.pth', {'epoch': 1}))[0].reader == reader(0.2)
    found, _ = choose(saved(tmp_path / 'b.pth', {'reader': reader(0.3).to_dict()}))
    assert found.reader == reader(0.3)
    assert str(found) == f'score threshold 0.3 from {tmp_path / "b.pth"}'


def test_safetensors_have_the_file_beside_them(tmp_path):
    from safetensors.torch import save_file

    save_file({'weight': WEIGHTS['weight'].half()}, tmp_path / 'x.safetensors')
    write_reader(tmp_path / 'reader.json', reader(0.2))
    assert choose(tmp_path / 'x.safetensors')[0].reader == reader(0.2)


def test_a_reader_of_other_weights_is_passed_over_with_a_note(tmp_path):
    checkpoint = saved(tmp_path / 'a.pth', {'reader': reader(0.2, OTHER).to_dict()})
    write_reader(tmp_path / 'reader.json', reader(0.3, OTHER))
    found, _ = choose(checkpoint)
    assert found.reader == ReaderSettings(ReaderConfig(0.7))
    said = f'tuned for other weights ({OTHER}) than those of {checkpoint} ({OWN}); not used'
    assert found.notes == (f'reader of {checkpoint}: {said}', f'reader of {tmp_path / "reader.json"}: {said}')
    write_reader(tmp_path / 'reader.json', reader(0.3))
    found, _ = choose(checkpoint)
    assert found.reader == reader(0.3)
    assert len(found.notes) == 1


def test_a_reader_of_no_weights_in_particular_is_used(tmp_path, checkpoint):
    write_reader(tmp_path / 'reader.json', reader(0.3, None))
    assert choose(checkpoint)[0].reader == reader(0.3, None)


def test_the_one_that_is_wanted(tmp_path):
    checkpoint = saved(tmp_path / 'a.pth', {'reader': reader(0.2).to_dict()})
    write_reader(tmp_path / 'mine.json', reader(0.4))
    assert choose(checkpoint, tmp_path / 'mine.json')[0].reader == reader(0.4)
    assert choose(checkpoint, 'none')[0].reader == ReaderSettings(ReaderConfig(0.7))
    write_reader(tmp_path / 'mine.json', reader(0.4, OTHER))
    with pytest.raises(
        UserError, match=rf'mine\.json: tuned for other weights \({OTHER}\).*tune_reader.*--reader none'
    ):
        choose(checkpoint, tmp_path / 'mine.json')
    with pytest.raises(UserError, match=r'gone\.json: cannot be read'):
        choose(checkpoint, tmp_path / 'gone.json')


def test_a_reader_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(UserError, match=r'a\.pth: meta\["reader"\].*score_thr=7'):
        choose(saved(tmp_path / 'a.pth', {'reader': {'number': {'score_thr': 7}}}))
    (tmp_path / 'reader.json').write_text('{')
    with pytest.raises(UserError, match=r'reader\.json: not JSON'):
        choose(saved(tmp_path / 'b.pth'))


def test_the_metrics_get_it(tmp_path, checkpoint):
    write_reader(tmp_path / 'reader.json', reader(0.2))
    other = {'type': 'CocoMetric', 'ann_file': 'x.json'}
    _, metrics = choose(checkpoint, evaluator=[dict(other), {'type': 'DigitMetric'}, {'type': 'NumberMetric'}])
    boxes = {'score_thr': 0.01, 'iou_thr': 1.0}
    assert metrics[:2] == [other, {'type': 'DigitMetric', 'boxes': boxes}]
    assert metrics[2]['boxes'] == boxes
    assert ReaderConfig(**metrics[2]['reader']) == ReaderConfig(0.2)
    assert choose(checkpoint, evaluator={'type': 'DigitMetric'})[1] == [{'type': 'DigitMetric', 'boxes': boxes}]
