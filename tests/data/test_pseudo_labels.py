"""custom/data/pseudo_labels.py, and tools/pseudo_label.py as a subprocess."""

import json

import numpy as np
import pytest
from helpers.project import run_tool
from PIL import Image

from custom.data.coco_reading import read_annotations
from custom.data.known_numbers import KnownNumberRule
from custom.data.pseudo_labels import (
    DIFFERENT,
    DUPLICATE,
    EMPTY,
    KNOWN_REASONS,
    LOW_SCORE,
    NOT_SPELLED,
    OTHER,
    REASONS,
    UNKNOWN,
    PseudoLabelRule,
    label_known_numbers,
    label_photos,
)
from custom.reading.settings import ReaderConfig
from custom.structures.detections import Detections
from custom.utils.errors import UserError


def entry(image_id, left, digit, score, width=8, top=4, height=12):
    return {'image_id': image_id, 'bbox': [left, top, width, height], 'score': score, 'category_id': digit + 1}


def detections(*entries):
    xywh = np.array([box['bbox'] for box in entries], dtype=float).reshape(-1, 4)
    return Detections.from_model(
        [box['image_id'] for box in entries],
        np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]]),
        [box['score'] for box in entries],
        [box['category_id'] - 1 for box in entries],
    )


@pytest.fixture
def folder(tmp_path):
    """Photos 1, 2 and 3, 40 x 20 px."""
    photos = tmp_path / 'photos'
    photos.mkdir()
    rng = np.random.default_rng(0)
    for image_id in (1, 2, 3):
        Image.fromarray(rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)).save(photos / f'{image_id}.png')
    return photos


def outcome(folder, *sources, **settings):
    """The number of each labelled photo, and the reasons of which there are some."""
    photos, left_out = label_photos(folder, sources, **settings)
    assert list(left_out) == list(REASONS)
    numbers = {photo['id']: ''.join(map(str, photo['labels'])) for photo in photos}
    return numbers, {reason: count for reason, count in left_out.items() if count}


def test_a_number_with_high_scores_is_labelled_with_mean_boxes_inside_the_photo(folder):
    one = detections(entry(1, 15, 5, 0.8), entry(1, -2, 0, 0.9))
    two = detections(entry(1, -4, 0, 0.75), entry(1, 16, 5, 0.99, height=17))
    (photo,), left_out = label_photos(folder, [one, two])
    assert (photo['id'], photo['file_name'], photo['width'], photo['height']) == (1, '1.png', 40, 20)
    assert photo['labels'] == [0, 5]
    # left edges -3 (cut off at 0) and 15.5, right edges 5 and 23.5; heights 12 and (12 + 17) / 2, from 4
    assert photo['bboxes'] == [[0, 4, 5, 12], [15.5, 4, 8, 14.5]]
    assert left_out[EMPTY] == 2


@pytest.mark.parametrize(
    ('more', 'reason'),
    [
        ([entry(1, 20, 5, 0.74)], LOW_SCORE),
        ([entry(1, 20, 5, 0.75)], None),
        ([entry(1, 20, 5, 0.3)], OTHER),  # too weak to be read, too strong to be ignored
        ([entry(1, 20, 5, 0.2)], None),
        ([entry(1, 5, 5, 0.7)], None),  # a duplicate of the 0
        ([entry(1, 12, 5, 0.4)], OTHER),  # overlaps the 0 too little for a duplicate
        ([entry(2, 20, 5, 0.3)], None),  # on another photo
    ],
)
def test_a_low_score_or_another_detection_leaves_a_photo_out(folder, more, reason):
    numbers, reasons = outcome(folder, detections(entry(1, 5, 0, 0.9), *more))
    assert reasons.pop(EMPTY) == 2
    assert reasons == ({reason: 1} if reason else {})
    assert (1 in numbers) == (reason is None)


def test_the_thresholds_of_rule_and_reader_count(folder):
    found = detections(entry(1, 5, 0, 0.9), entry(1, 20, 5, 0.6))
    assert outcome(folder, found, rule=PseudoLabelRule(min_score=0.6))[0] == {1: '05'}
    config = ReaderConfig(score_thr=0.8)
    assert outcome(folder, found, config=config)[1][OTHER] == 1
    assert outcome(folder, found, rule=PseudoLabelRule(max_other=0.6), config=config)[0] == {1: '0'}


@pytest.mark.parametrize(
    ('other', 'reason'),
    [
        ([entry(1, 5, 0, 0.9)], None),
        ([entry(1, 5, 8, 0.9)], DIFFERENT),
        ([], DIFFERENT),
        ([entry(1, 5, 0, 0.7)], LOW_SCORE),
        ([entry(1, 5, 0, 0.9), entry(1, 30, 1, 0.4)], OTHER),
        ([entry(1, 30, 0, 0.9)], DIFFERENT),  # the same number elsewhere
    ],
)
def test_all_files_must_agree(folder, other, reason):
    one, two = detections(entry(1, 5, 0, 0.9)), detections(*other)
    for sources in ((one, two), (two, one)):
        numbers, reasons = outcome(folder, *sources)
        assert numbers == ({} if reason else {1: '0'})
        assert reasons == {EMPTY: 2, **({reason: 1} if reason else {})}


def test_a_box_is_at_least_a_pixel_wide_and_high(folder):
    (photo,), _ = label_photos(folder, [detections(entry(1, 39.75, 1, 0.9, width=3, top=2, height=0.25))])
    assert photo['bboxes'] == [[39, 2, 1, 1]]


def test_photos_of_excluded_folders_are_left_out(folder, tmp_path):
    (tmp_path / 'valid').mkdir()
    photo = Image.open(folder / '2.png')
    photo.save(tmp_path / 'valid' / 'other name.bmp')
    sure = detections(*(entry(image_id, 5, image_id, 0.9) for image_id in (1, 2, 3)))
    (tmp_path / 'test').mkdir()
    Image.open(folder / '3.png').save(tmp_path / 'test' / '1.png')
    assert outcome(folder, sure, exclude=[tmp_path / 'valid']) == ({1: '1', 3: '3'}, {DUPLICATE: 1})
    both = [tmp_path / 'valid', tmp_path / 'test']
    assert outcome(folder, sure, exclude=both) == ({1: '1'}, {DUPLICATE: 2})


@pytest.mark.parametrize('settings', [{'min_score': 1.5}, {'max_other': -0.1}, {'min_score': float('nan')}])
def test_a_rule_out_of_range_is_named(settings):
    ((name, value),) = settings.items()
    with pytest.raises(UserError, match=f'{name}={value}'):
        PseudoLabelRule(**settings)


def known(folder, numbers, *sources, **settings):
    """As `outcome`, of known numbers."""
    photos, left_out = label_known_numbers(folder, sources, numbers, **settings)
    assert list(left_out) == list(KNOWN_REASONS)
    labels = {photo['id']: ''.join(map(str, photo['labels'])) for photo in photos}
    return labels, {reason: count for reason, count in left_out.items() if count}


NUMBERS = {'1.png': ['05'], '2.png': ['7', '8'], '3.png': []}


@pytest.mark.parametrize(
    ('others', 'reason'),
    [
        ([], None),
        ([entry(1, 30, 1, 0.5)], None),  # weak, dropped
        ([entry(1, 30, 1, 0.6)], OTHER),
        ([entry(2, 30, 1, 0.6)], None),  # on another photo
    ],
)
def test_a_known_number_is_labelled_with_low_scores(folder, others, reason):
    found = detections(entry(1, 20, 8, 0.6), entry(1, 20, 5, 0.1), entry(1, 5, 0, 0.4), *others)
    labels, reasons = known(folder, NUMBERS, found)
    assert labels == ({} if reason else {1: '05'})
    assert reasons == {UNKNOWN: 2, **({reason: 1} if reason else {})}
    assert known(folder, {'1.png': ['08']}, found)[0] == ({} if reason else {1: '08'})
    assert known(folder, {'1.png': ['09']}, found)[1] == {UNKNOWN: 2, NOT_SPELLED: 1}


def test_one_source_is_enough_for_a_known_number_and_boxes_are_averaged(folder):
    one = detections(entry(1, 5, 0, 0.9), entry(1, 20, 5, 0.8))
    two = detections(entry(1, 6, 0, 0.9), entry(1, 21, 5, 0.8))
    nothing = detections(entry(3, 5, 0, 0.9))
    for sources, left in (((one, nothing), 5), ((nothing, one), 5), ((one, two), 5.5)):
        (photo,), _ = label_known_numbers(folder, sources, NUMBERS)
        assert photo['bboxes'] == [[left, 4, 8, 12], [left + 15, 4, 8, 12]]
    elsewhere = detections(entry(1, 14, 0, 0.9), entry(1, 29, 5, 0.8))
    assert known(folder, NUMBERS, one, elsewhere)[1] == {UNKNOWN: 2, DIFFERENT: 1}
    assert known(folder, NUMBERS, nothing)[1] == {UNKNOWN: 2, NOT_SPELLED: 1}
    assert known(folder, NUMBERS, one, exclude=[folder])[1] == {UNKNOWN: 2, DUPLICATE: 1}
    assert known(folder, NUMBERS, one, rule=KnownNumberRule(min_score=0.85))[1] == {UNKNOWN: 2, NOT_SPELLED: 1}


def test_a_list_of_other_photos_is_refused(folder):
    with pytest.raises(UserError, match=r'2 photos of the list are not there, first: 7\.png'):
        label_known_numbers(folder, [detections()], {'7.png': ['1'], '1.png': ['1'], '8.png': ['1']})


@pytest.fixture
def pred_json(tmp_path):
    path = tmp_path / 'a' / 'pred.json'
    path.parent.mkdir()
    boxes = [entry(1, 5, 0, 0.9), entry(1, 20, 5, 0.8), entry(2, 5, 7, 0.95), entry(3, 5, 3, 0.6)]
    path.write_text(json.dumps(boxes))
    return path


@pytest.mark.integration
def test_the_tool_writes_what_training_reads(folder, pred_json, tmp_path):
    out = tmp_path / 'new' / 'pseudo.json'
    done = run_tool('pseudo_label.py', pred_json, '--images', folder, '--out', out)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.splitlines() == [
        f'{out}: 2 of 3 photos (67%)',
        'photos by number length: 1: 1, 2: 1',
        'left out: 0 no number, 0 different readings, 1 digit with a low score, 0 another detection, '
        '0 near-duplicate of an excluded photo',
        'digits from 0.75, no other box above 0.2; reader: score threshold 0.6 from the defaults (no reader.json)',
    ]
    read = read_annotations(out, folder)
    assert read.file_names == ['1.png', '2.png']
    assert read.labels.tolist() == [0, 5, 7]
    assert read.bboxes.tolist() == [[5, 4, 8, 12], [20, 4, 8, 12], [5, 4, 8, 12]]


@pytest.mark.integration
def test_the_tool_takes_known_numbers(folder, pred_json, tmp_path):
    (tmp_path / 'numbers.csv').write_text('file,number\n1.png,05\n3.png,3\n2.png,2\n')
    arguments = (pred_json, '--images', folder, '--numbers', tmp_path / 'numbers.csv', '--out', tmp_path / 'known.json')
    done = run_tool('pseudo_label.py', *arguments)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.splitlines()[2:] == [
        'left out: 0 without a known number, 1 known number not detected, 0 different readings, 0 another detection, '
        '0 near-duplicate of an excluded photo',
        f'digits from 0.3, no other box above 0.5; numbers of {tmp_path / "numbers.csv"}',
    ]
    assert read_annotations(tmp_path / 'known.json', folder).labels.tolist() == [0, 5, 3]
    refused = run_tool('pseudo_label.py', *arguments, '--reader', 'none')
    assert (refused.returncode, refused.stderr.count('\n')) == (2, 1) and '--reader: known numbers' in refused.stderr


@pytest.mark.integration
def test_the_reader_beside_the_first_file_is_used(folder, pred_json, tmp_path):
    reader = pred_json.with_name('reader.json')
    reader.write_text('{"number": {"score_thr": 0.85}}')
    arguments = (pred_json, '--images', folder, '--out', tmp_path / 'pseudo.json')
    done = run_tool('pseudo_label.py', *arguments)
    assert done.stdout.endswith(f'reader: score threshold 0.85 from {reader}\n')
    assert read_annotations(tmp_path / 'pseudo.json').labels.tolist() == [7]  # the 5 of photo 1 is something else
    run_tool('pseudo_label.py', *arguments, '--reader', 'none')
    assert read_annotations(tmp_path / 'pseudo.json').labels.tolist() == [0, 5, 7]


@pytest.mark.integration
@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--min-score', 0.99], 'none of 3 photos passes (0 no number, 0 different readings, 3 digit with a low score'),
        (['--min-score', 2], 'min_score=2.0: must be a number from 0 to 1'),
        (['--exclude', 'nowhere'], 'nowhere: no such folder'),
        (
            ['--images', 'few'],
            '1 of its image ids are none of the 2 photos, first: 3; give the photos it was made from',
        ),
        (['--out', 'PRED'], 'is one of the PRED_JSON'),
    ],
)
def test_a_wrong_argument_is_one_error_line_and_writes_nothing(folder, pred_json, tmp_path, arguments, said):
    few = tmp_path / 'few'
    few.mkdir()
    for name in ('1.png', '2.png'):
        (few / name).write_bytes((folder / name).read_bytes())
    before, out = pred_json.read_bytes(), tmp_path / 'pseudo.json'
    places = {'PRED': pred_json, 'few': few}
    arguments = [places.get(argument, argument) for argument in arguments]
    options = {'--images': folder, '--out': out} | dict([arguments])
    done = run_tool('pseudo_label.py', pred_json, *(word for option in options.items() for word in option))
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith('error: ')
    assert said in done.stderr
    assert done.stderr.count('\n') == 1
    assert not out.exists()
    assert pred_json.read_bytes() == before
