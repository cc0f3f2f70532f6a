"""Text of a tuned reader."""

from custom.evaluation.number_accuracy import INTERVALS
from custom.reading.settings import BoxConfig, ReaderConfig, ReaderSettings
from custom.tuning.summary import describe

VALIDATED = {
    'folds': 10,
    'accuracy': 0.75,
    'ece': 0.0625,
    'coverage_95': 0.5,
    'coverage_99': 0.25,
    'intervals': {
        'accuracy': [0.625, 0.875],
        'ece': [0.03, 0.125],
        'coverage_95': [0.25, 0.75],
        'coverage_99': [0.0, 0.5],
    },
    'reliability': [[0.5, 0.6, 7, 0.55, 0.5714], [0.9, 1.0, 49, 0.97, 0.98]],
}
TUNED_ON = {
    'source': 'valid.json',
    'photos': 56,
    'number_accuracy_default': 0.5,
    'number_accuracy_chosen_here': 0.8036,
    'cross_validated': VALIDATED,
    'sets': {
        'valid.json': {
            'photos': 56,
            'accuracy': 0.75,
            'confident': 30,
            'confident_right': 28,
            'empty': 5,
            'answered': 1,
        }
    },
    'AP_default': 0.25,
    'AP_chosen_here': 0.255,
}


def test_the_lines():
    config = ReaderConfig(0.7, 0.3, (0.4, 0.1), 0.2, 0.6, None, calibration=(1.0, 0.5))
    assert describe(ReaderSettings(config, BoxConfig(iou_thr=0.65), tuned_on=TUNED_ON)).splitlines() == [
        'reading: score_thr 0.7 (default 0.6), fallback_thrs 0.4/0.1 (default none), weak_thr 0.2 (default 0.3), '
        'iou_thr 0.3, max_gap 0.6 (default 1.0), size_ratio none (default 1.5)',
        'boxes in pred.json: class-agnostic NMS at IoU 0.65; AP 0.250 before, 0.255 after',
        'number accuracy on 56 photos of valid.json:',
        '  0.500 (0.373-0.627) with the default settings',
        '  0.804 (0.682-0.887) with the chosen settings, on the same photos: optimistic',
        '  0.750 (0.625-0.875) cross-validated, 10 folds: the estimate for new photos',
        '  set         photos  cross-validated  right of those at 0.9  answers at 0.5 without a number',
        '  valid.json      56            0.750               28 of 30                           1 of 5',
        'confidence, cross-validated:',
        '  expected calibration error (ECE) 0.062 (0.030-0.125)',
        '  coverage at 95 % accuracy: 0.500 (0.250-0.750)',
        '  coverage at 99 % accuracy: 0.250 (0.000-0.500)',
        '  mean confidence -> accuracy, by confidence:',
        '    0.5-0.6: 0.550 -> 0.571 (0.250-0.842), photos: 7',
        '    0.9-1.0: 0.970 -> 0.980 (0.893-0.996), photos: 49',
        f'in brackets: 95 % intervals: {INTERVALS}',
    ]


def test_several_sets():
    valid = TUNED_ON['sets']['valid.json']
    sets = {'valid.json': valid, 'meters.csv': {**valid, 'empty': 0, 'answered': 0}}
    tuned_on = {**TUNED_ON, 'source': 'valid.json, meters.csv', 'sets': sets, 'calibrated_for': 'meters.csv'}
    del tuned_on['AP_default']
    lines = describe(ReaderSettings(tuned_on=tuned_on)).splitlines()
    assert lines[1:4] == [
        'boxes in pred.json: all, duplicates included',
        'number accuracy on 56 photos of valid.json, meters.csv, mean over 2 sets:',
        '  0.500 with the default settings',
    ]
    assert lines[5].endswith(' cross-validated, 10 folds: the estimate for new photos, all together')
    assert lines[8] == '  meters.csv      56            0.750               28 of 30                                -'
    assert lines[9] == 'the confidence is lowered for meters.csv'


def test_all_boxes():
    lines = describe(ReaderSettings(tuned_on=TUNED_ON)).splitlines()
    assert lines[0].startswith('reading: score_thr 0.6, fallback_thrs none, weak_thr 0.3, iou_thr 0.3, ')
    assert lines[1] == 'boxes in pred.json: all, duplicates included; AP 0.250 before, 0.255 after'
