"""Sets of labelled predictions: which photos and numbers they hold, and what is refused."""

import json

import pytest
from helpers.project import coco

from custom.reading.settings import ReaderSettings, Views
from custom.tuning.sets import common_origin, read_sets
from custom.utils.errors import UserError


def predicted(path, *image_ids):
    boxes = [{'image_id': one, 'category_id': 2, 'bbox': [1, 2, 5, 9], 'score': 0.9} for one in image_ids]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(boxes))
    return path


def numbers(path, *rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text('\n'.join(['file,number', *rows]) + '\n')
    return path


@pytest.fixture
def boxed(tmp_path):
    """A pred.json and a COCO json of two photos, the second without a number."""
    images = [{'id': i, 'file_name': f'{i}.png', 'width': 60, 'height': 30} for i in (3, 4)]
    box = {'id': 1, 'image_id': 3, 'category_id': 8, 'bbox': [1, 2, 5, 9], 'area': 45, 'iscrowd': 0}
    (tmp_path / 'valid.json').write_text(json.dumps(coco(images, [box])))
    return predicted(tmp_path / 'valid-pred.json', 3), tmp_path / 'valid.json'


def test_numbers_of_boxes_and_of_a_list(boxed, tmp_path):
    found = predicted(tmp_path / 'meters/pred.json', 7, 8)
    listed = numbers(tmp_path / 'meters.csv', 'a/7.png,012;3', '8.png,', '9.png,5')
    (first, second), notes = read_sets([boxed, (found, listed)])
    assert notes == []
    assert (first.name, first.numbers, len(first.detections)) == ('valid.json', {3: ('7',), 4: ('',)}, 1)
    assert first.truth is not None
    assert (second.name, second.truth) == ('meters.csv', None)
    assert second.numbers == {7: ('012', '3'), 8: ('',), 9: ('5',)}


def test_photos_that_the_list_lacks_are_noted(tmp_path):
    found = predicted(tmp_path / 'pred.json', 7, 8, 9)
    _, (note,) = read_sets([(found, numbers(tmp_path / 'meters.csv', '7.png,1'))])
    assert note.endswith('pred.json: 2 × photo that ' + f'{tmp_path}/meters.csv does not list, ignored; first: 8')


@pytest.mark.parametrize(
    ('rows', 'fault'),
    [
        (['1.png,1'], 'pred.json: none of its photos is in .*meters.csv; give the list of the same photos'),
        (['a/7.png,1', 'b/7.png,1'], 'meters.csv: b/7.png and another photo share one image id; rename one of them'),
    ],
)
def test_lists_that_do_not_fit_are_refused(tmp_path, rows, fault):
    with pytest.raises(UserError, match=fault):
        read_sets([(predicted(tmp_path / 'pred.json', 7), numbers(tmp_path / 'meters.csv', *rows))])


def test_a_missing_file_is_named(boxed, tmp_path):
    with pytest.raises(UserError, match=r'gone\.csv: cannot be read'):
        read_sets([(boxed[0], tmp_path / 'gone.csv')])
    with pytest.raises(UserError, match=r'gone\.json: cannot be read'):
        read_sets([(tmp_path / 'gone.json', boxed[1])])


def test_each_set_has_a_name_of_its_own(tmp_path):
    pairs = [
        (predicted(tmp_path / f'{name}/pred.json', 7), numbers(tmp_path / f'{name}/n.csv', '7.png,1')) for name in 'ab'
    ]
    assert [one.name for one in read_sets(pairs)[0]] == ['a/n.csv', 'b/n.csv']
    assert [one.name for one in read_sets([pairs[0]] * 2)[0]] == [f'{i}: {tmp_path}/a/n.csv' for i in (1, 2)]


def test_the_reader_is_stored_for_the_first_predictions(tmp_path):
    first, other = ReaderSettings(fingerprint='ab'), ReaderSettings(fingerprint='cd')
    paths = [tmp_path / name for name in '123']
    views = ReaderSettings(fingerprint='ab', views=Views((0.5,), ()))
    made, notes = common_origin([*zip(paths, (first, first, first), strict=True)])
    assert (made, notes) == (first, [])
    made, notes = common_origin([*zip(paths, (first, other, views), strict=True)])
    assert made == first
    way = f'made by other weights or views than {paths[0]}; the reader is stored for those of {paths[0]}'
    assert notes == [f'{path}: {way}' for path in paths[1:]]
