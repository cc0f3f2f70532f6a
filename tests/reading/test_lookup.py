import json

import pytest

from custom.reading.lookup import reader_beside, reader_of_predictions
from custom.reading.settings import ReaderConfig, ReaderSettings, Views, write_reader
from custom.utils.errors import UserError


def test_the_reader_json_beside_predictions_is_used(tmp_path):
    pred_json = tmp_path / 'pred.json'
    found = reader_of_predictions(pred_json)
    assert (found.reader, str(found)) == (ReaderSettings(), 'score threshold 0.6 from the defaults (no reader.json)')
    steps = ReaderSettings(ReaderConfig(0.6, fallback_thrs=(0.3, 0.125)), fingerprint='ab12')
    write_reader(tmp_path / 'reader.json', steps)
    found = reader_of_predictions(pred_json)
    assert (found.reader, str(found)) == (steps, f'score thresholds 0.6, 0.3, 0.125 from {tmp_path / "reader.json"}')
    assert reader_of_predictions(pred_json, 'none').reader == ReaderSettings(fingerprint='ab12')
    write_reader(tmp_path / 'mine.json', ReaderSettings(ReaderConfig(0.4)))
    found = reader_of_predictions(pred_json, str(tmp_path / 'mine.json'))
    assert (found.reader, found.notes) == (ReaderSettings(ReaderConfig(0.4), fingerprint='ab12'), ())
    with pytest.raises(UserError, match=r'gone\.json: cannot be read'):
        reader_of_predictions(pred_json, str(tmp_path / 'gone.json'))


def test_views_are_printed_and_inherited(tmp_path):
    assert reader_beside(tmp_path / 'pred.json').views == Views()
    write_reader(tmp_path / 'reader.json', ReaderSettings(views=Views((0.75, 1.0))))
    assert reader_beside(tmp_path / 'pred.json').views == Views((0.75, 1))
    said = f'score threshold 0.6 from {tmp_path / "reader.json"}; test-time augmentation: image scales 0.75, 1'
    assert str(reader_of_predictions(tmp_path / 'pred.json')) == said
    assert reader_of_predictions(tmp_path / 'pred.json', 'none').reader == ReaderSettings(views=Views((0.75, 1)))
    write_reader(tmp_path / 'mine.json', ReaderSettings(ReaderConfig(0.4), views=Views((2,))))
    found = reader_of_predictions(tmp_path / 'pred.json', str(tmp_path / 'mine.json'))
    assert found.reader == ReaderSettings(ReaderConfig(0.4), views=Views((0.75, 1)))
    (tmp_path / 'reader.json').write_text('{')
    with pytest.raises(UserError, match=r'reader\.json: not JSON'):
        reader_beside(tmp_path / 'pred.json')


def test_the_tuning_is_printed(tmp_path):
    plain = f'score threshold 0.6 from {tmp_path / "reader.json"}'
    for tuned_on, said in (
        ({'source': 'valid.json', 'photos': 56}, ', tuned on valid.json'),
        (
            {'source': 'valid.json', 'photos': 56, 'cross_validated': {'accuracy': 0.8036}},
            ', tuned on valid.json (cross-validated number accuracy 0.804; 95 % interval 0.682-0.887, Wilson)',
        ),
        ({'source': 'valid.json', 'photos': 0, 'cross_validated': {'accuracy': 0.5}}, ', tuned on valid.json'),
        ({'source': 'valid.json', 'cross_validated': [0.875]}, ', tuned on valid.json'),
        ({'source': ['me']}, ''),
    ):
        write_reader(tmp_path / 'reader.json', ReaderSettings(tuned_on=tuned_on))
        assert str(reader_of_predictions(tmp_path / 'pred.json')) == plain + said


def test_score_thr_replaces_all_thresholds(tmp_path):
    content = {'number': {'score_thr': 0.6, 'fallback_thrs': [0.3], 'iou_thr': 0.4}}
    (tmp_path / 'reader.json').write_text(json.dumps(content))
    found = reader_of_predictions(tmp_path / 'pred.json', score_thr=0.2)
    assert found.reader.number == ReaderConfig(0.2, 0.4)
    source = f'--score-thr, other settings from {tmp_path / "reader.json"}'
    assert str(found) == f'score threshold 0.2 from {source}'
    with pytest.raises(UserError, match=r'score_thr=7'):
        reader_of_predictions(tmp_path / 'pred.json', score_thr=7)


def test_a_reader_of_other_weights_is_noted(tmp_path):
    write_reader(tmp_path / 'reader.json', ReaderSettings(fingerprint='ab12'))
    write_reader(tmp_path / 'mine.json', ReaderSettings(fingerprint='cd34'))
    found = reader_of_predictions(tmp_path / 'pred.json', str(tmp_path / 'mine.json'))
    assert found.notes == (
        f'{tmp_path / "mine.json"}: tuned for other weights (cd34) than those of {tmp_path / "pred.json"} (ab12)',
    )
    assert found.reader.fingerprint == 'ab12'  # as the views, the predictions'
    assert reader_of_predictions(tmp_path / 'pred.json').notes == ()
