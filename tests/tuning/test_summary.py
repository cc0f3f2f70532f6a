"""What a tuned reader says of itself."""

from custom.reading.settings import BoxConfig, ReaderConfig, ReaderSettings
from custom.tuning.summary import describe

HONEST = {
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
    'number_accuracy_chosen_here': 0.8,
    'cross_validated': HONEST,
    'AP_default': 0.25,
    'AP_chosen_here': 0.255,
}


def test_the_lines():
    config = ReaderConfig(0.7, 0.3, (0.4, 0.1), 0.6, None, calibration=(1.0, 0.5))
    assert describe(ReaderSettings(config, BoxConfig(iou_thr=0.65), tuned_on=TUNED_ON)).splitlines() == [
        'reading: score_thr 0.7 (default 0.6), fallback_thrs 0.4/0.1 (default none), iou_thr 0.3, '
        'max_gap 0.6 (default none), size_ratio none, layout line, max_digits none',
        'boxes in pred.json: of two with an IoU above 0.65 the better one; AP 0.250 before, 0.255 after',
        'number accuracy on 56 photos of valid.json:',
        '  0.500 with the default settings',
        '  0.800 with these, on the photos they were chosen on: too good',
        '  0.750 (0.625-0.875) cross-validated, 10 folds: what to expect of new ones like them',
        'confidence, cross-validated:',
        '  calibration error (ECE) 0.062 (0.030-0.125)',
        '  share of the photos, the surest, of which 95 % are right 0.500 (0.250-0.750)',
        '  and of which 99 % are right 0.250 (0.000-0.500)',
        '  said -> right:',
        '    0.5-0.6: 0.550 -> 0.571 (photos: 7)',
        '    0.9-1.0: 0.970 -> 0.980 (photos: 49)',
        'in brackets: 95 % intervals, bootstrap over photos',
    ]


def test_all_boxes():
    said = describe(ReaderSettings(tuned_on=TUNED_ON)).splitlines()
    assert said[0].startswith('reading: score_thr 0.6, fallback_thrs none, iou_thr 0.3, max_gap none, ')
    assert said[1] == 'boxes in pred.json: all, doubles too; AP 0.250 before, 0.255 after'
