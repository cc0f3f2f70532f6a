"""custom/data/coco_reading.py: annotations, and the faults of COCO jsons."""

import json

import numpy as np
import pytest
from helpers.project import coco
from PIL import Image

from custom.data.coco_reading import RENAMED, Findings, ids_and_names, read_annotations, read_boxes
from custom.data.coco_writing import annotations_json
from custom.structures.annotations import true_numbers
from custom.utils.errors import UserError


def boxes_of(bbox, width=100, height=50):
    """Read one box of the digit 7 on photo 1; return boxes, faults, notes."""
    wrong, notes = Findings(), Findings()
    entry = {'id': 1, 'image_id': 1, 'category_id': 8, 'bbox': bbox}
    boxes = read_boxes([entry], {1: {'width': width, 'height': height}}, {8: 7}, wrong, notes)
    return [box.bbox for box in boxes], wrong.lines(), notes.lines()


@pytest.mark.parametrize(
    'bbox',
    [
        [10.3, 5.1, 7.1, 12.3],  # its area and that of its edges differ in the last bit
        [0, 0, 100, 50],
        [67.7, 5, 32.30000000000002, 12],  # 67.7 + 32.30000000000002 is 100.00000000000003
    ],
)
def test_a_box_inside_is_not_changed_by_rounding(bbox):
    assert boxes_of(bbox) == ([bbox], [], [])


@pytest.mark.parametrize(
    ('bbox', 'clipped'),
    [
        ([-2, 5, 8, 12], [0, 5, 6, 12]),  # three quarters are left
        ([94, 5, 8, 12], [94, 5, 6, 12]),
        ([5, -3, 8, 12], [5, 0, 8, 9]),
        ([5, 41, 8, 12], [5, 41, 8, 9]),
        ([-0.25, 5, 8, 12], [0, 5, 7.75, 12]),
    ],
)
def test_a_box_slightly_over_the_edge_is_clipped_and_noted(bbox, clipped):
    boxes, wrong, notes = boxes_of(bbox)
    assert (boxes, wrong) == ([clipped], [])
    assert notes == [f'1 × box clipped at the edge of its photo; first: annotation 1 (image 1): xywh {bbox} in 100x50']


@pytest.mark.parametrize('bbox', [[-2.01, 5, 8, 12], [5, 41.01, 8, 12], [-1, -2, 8, 12], [100, 5, 8, 12]])
def test_a_box_that_keeps_less_than_three_quarters_is_a_mistake(bbox):
    boxes, wrong, notes = boxes_of(bbox)
    assert (boxes, notes) == ([], [])
    assert len(wrong) == 1
    assert 'box outside the image by more than a quarter of its area' in wrong[0]


def test_findings_count_each_kind_and_keep_the_first_example():
    found = Findings()
    for kind, example in (('odd', 'a'), ('even', 'b'), ('odd', 'c')):
        found.add(kind, example)
    assert found.lines() == ['2 × odd; first: a', '1 × even; first: b']


IMAGE = {'id': 1, 'file_name': '1.png', 'width': 40, 'height': 20}
BOX = {'id': 1, 'image_id': 1, 'category_id': 8, 'bbox': [5, 4, 8, 12]}


@pytest.fixture
def read(tmp_path):
    """Write a COCO dict and read it, with the photo 1.png of 40 x 20 px beside it."""
    Image.new('RGB', (40, 20)).save(tmp_path / '1.png')

    def _read(data, photos=True, **options):
        path = tmp_path / 'train.json'
        path.write_text(data if isinstance(data, str) else json.dumps(data))
        return read_annotations(path, tmp_path if photos else None, **options)

    return _read


def test_a_good_file_becomes_arrays(read):
    found = read(coco([IMAGE], [BOX, BOX | {'id': 2, 'category_id': 1, 'iscrowd': 1}]))
    assert found.image_ids.tolist() == [1]
    assert found.sizes.tolist() == [[40, 20]]
    assert found.labels.tolist() == [7, 0]  # category 8 is the digit 7
    assert found.bboxes.tolist() == [[5, 4, 8, 12]] * 2
    assert found.iscrowd.tolist() == [False, True]
    crowd = 'box that is crowd or to be ignored, which numbers and scores leave out'
    assert found.notes == [f'1 × {crowd}; first: annotation 2 (image 1)']


@pytest.mark.parametrize('as_name', [str, int])
def test_labels_are_digits_independent_of_order_and_ids_of_the_categories(read, as_name):
    categories = [{'id': 100 - 7 * digit, 'name': as_name(digit)} for digit in (9, 3, 0, 1, 2, 8, 7, 6, 5, 4)]
    annotations = [BOX | {'id': i, 'category_id': 100 - 7 * i, 'bbox': [3 * i, 4, 3, 12]} for i in range(10)]
    assert read(coco([IMAGE], annotations, categories)).labels.tolist() == list(range(10))


def test_imprecise_boxes_and_unused_categories_are_noted(read):
    categories = [*coco([], [])['categories'][:9], {'id': 0, 'name': 'number'}]
    found = read(coco([IMAGE], [BOX | {'bbox': [-1, 4, 8, 17]}], categories))
    np.testing.assert_array_equal(found.bboxes, [[0, 4, 7, 16]])
    notes = '\n'.join(found.notes)
    assert '1 × box clipped at the edge' in notes
    assert "1 × class without a category, never trained or tested; first: '9'" in notes
    assert "no digit, unused and left out; first: 'number'" in notes


@pytest.mark.parametrize(
    'name', ['../{}/1.png', 'a/../../1.png', '/etc/1.png', 'C:\\1.png', '..\\1.png', '\\1.png', '1\0.png', '\ud800.png']
)
@pytest.mark.parametrize('photos', [True, False])
def test_a_name_that_leaves_the_folder_is_refused_where_it_is_read(read, tmp_path, name, photos):
    name = name.format(tmp_path.name)
    with pytest.raises(UserError, match='1 × file_name that leaves the folder of the photos; first: ') as caught:
        read(coco([IMAGE | {'file_name': name}], []), photos, need_boxes=False)
    assert repr(name) in str(caught.value)


def test_a_link_inside_the_folder_is_followed(read, tmp_path):
    (tmp_path / 'far').mkdir()
    (tmp_path / '1.png').rename(tmp_path / 'far' / '1.png')
    (tmp_path / 'near').symlink_to(tmp_path / 'far')
    assert read(coco([IMAGE | {'file_name': 'near/1.png'}], [BOX])).file_names == ['near/1.png']


def test_a_name_too_long_for_a_file_is_a_missing_one(read):
    with pytest.raises(UserError, match='1 × missing file'):
        read(coco([IMAGE | {'file_name': 'x' * 300}], [BOX]))


def test_one_message_lists_all_faults(read, tmp_path):
    (tmp_path / 'text.png').write_text('no photo')
    images = [
        IMAGE,
        IMAGE | {'file_name': 'again.png'},
        {'id': 2, 'file_name': 'gone.png', 'width': 9, 'height': 9},
        {'id': 3, 'file_name': 'text.png', 'width': 9, 'height': 9},
        {'id': 4, 'file_name': '1.png', 'width': 41, 'height': 20},
    ]
    annotations = [
        BOX | {'id': 1, 'bbox': [50, 4, 8, 12]},
        BOX | {'id': 2, 'bbox': [36, 4, 9, 12]},
        BOX | {'id': 3, 'bbox': [5, 4, 0, 12]},
        BOX | {'id': 4, 'bbox': [5, 4, float('nan'), 12]},
        BOX | {'id': 5, 'image_id': 77},
        BOX | {'id': 6, 'category_id': 11},
        BOX | {'id': 7, 'category_id': 12},
        BOX | {'id': 7},
    ]
    categories = [*coco([], [])['categories'], {'id': 11, 'name': 'ten'}]
    with pytest.raises(UserError) as error:
        read(coco(images, annotations, categories))
    message = str(error.value)
    assert 'mend 13 mistakes in 5 photos and 8 boxes' in message
    for line in (
        "1 × unknown class (names must be '0' to '9'); first: 'ten' (category id 11)",
        '1 × duplicate image id; first: 1 (1.png and again.png)',
        '1 × file listed under several image ids; first: 1.png',
        '1 × missing file; first:',
        '1 × unreadable file; first:',
        '1 × image size that differs from the file; first:',
        '2 × box outside the image by more than a quarter of its area; first: annotation 1 (image 1): xywh [50, 4',
        '1 × empty box',
        '1 × bbox that is not four finite numbers',
        '1 × annotation for no image; first: annotation 5 (image 77)',
        '1 × annotation of a category that "categories" does not list; first: annotation 7 (image 1): 12',
        '1 × duplicate annotation id',
    ):
        assert line in message


@pytest.mark.parametrize(
    ('data', 'said'),
    [
        ('{', 'is not JSON'),
        ('{"images": ' + '[' * 100_000, 'is not JSON'),
        ('{"images": [{"id": ' + '[' * 985 + ']' * 985 + '}], "annotations": [], "categories": []}', 'is not JSON'),
        ('[]', 'is no COCO json: "images"'),
        (json.dumps(coco([], [])), 'empty set: no photo'),
        (json.dumps(coco([IMAGE], [])), 'empty set: no usable box'),
        (json.dumps(coco([{'id': '1'}], [])), 'image without a whole-number id'),
        (json.dumps(coco([IMAGE], [BOX], [{'id': 8, 'name': '7'}, {'id': 8, 'name': 1}])), "first: 8 is '7' and '1'"),
    ],
)
def test_an_unusable_file_is_refused_by_name(read, data, said):
    with pytest.raises(UserError, match=r'train\.json') as error:
        read(data, photos=False)
    assert said in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r'none\.json: no such file'):
        read_annotations(tmp_path / 'none.json')


@pytest.mark.parametrize('data', [coco([IMAGE], []), {'images': [IMAGE]}])
def test_photos_without_boxes_are_a_list_where_boxes_are_not_needed(read, data):
    found = read(data, need_boxes=False)
    assert found.image_ids.tolist() == [1]
    assert found.sizes.tolist() == [[40, 20]]
    assert found.bboxes.shape == (0, 4)
    assert not found.labelled
    with pytest.raises(UserError):
        read(data)


def test_a_list_of_photos_is_checked_like_any_other(read):
    with pytest.raises(UserError, match='empty set: no photo'):
        read({'images': []}, need_boxes=False)
    with pytest.raises(UserError, match='missing file'):
        read({'images': [IMAGE | {'file_name': 'gone.png'}]}, need_boxes=False)


def test_only_boxes_that_count_make_a_set_labelled(read):
    assert read(coco([IMAGE], [BOX | {'iscrowd': 1}, BOX | {'id': 2}])).labelled
    assert not read(coco([IMAGE], [BOX | {'iscrowd': 1}])).labelled


def test_malformed_ids_are_findings_of_the_one_message(read):
    images = [IMAGE, *(IMAGE | {'id': wrong} for wrong in (2**70, [1], True)), IMAGE | {'id': 3, 'width': 2**70}]
    annotations = [
        BOX | {'id': [1], 'image_id': [1]},
        BOX | {'id': [1], 'category_id': [8]},
        BOX | {'id': 3, 'image_id': 2**70, 'category_id': {}},
        BOX | {'id': 4, 'bbox': [10**400, 4, 8, 12]},
        BOX | {'id': 5, 'image_id': True},
    ]
    categories = [*coco([], [])['categories'], {'id': [11], 'name': '3'}]
    with pytest.raises(UserError) as error:
        read(coco(images, annotations, categories))
    message = str(error.value)
    assert 'mend 11 mistakes in 5 photos and 5 boxes' in message
    for line in (
        '4 × image without a whole-number id (below 2**53) or file_name, or with sides that are no whole numbers',
        "1 × category without a whole-number id; first: '3' (id [11])",
        '3 × annotation for no image; first: annotation [1] (image [1])',
        '1 × annotation of a category that "categories" does not list; first: annotation [1] (image 1): [8]',
        '1 × duplicate annotation id; first: annotation [1] (image 1)',
        '1 × bbox that is not four finite numbers',
    ):
        assert line in message


def test_ids_and_names_come_from_the_json_or_the_folder(read, tmp_path):
    Image.new('RGB', (9, 9)).save(tmp_path / '02.png')
    found = read(coco([IMAGE | {'id': 70}], [BOX | {'image_id': 70}]))
    assert ids_and_names(found) == ([70], ['1.png'])
    assert ids_and_names(tmp_path) == ([1, 2], ['1.png', '02.png'])


def test_class_with_two_category_ids_is_one_class(read):
    found = read(coco([IMAGE], [BOX, BOX | {'id': 2, 'category_id': 9, 'bbox': [20, 4, 8, 12]}], SEVENS))
    assert found.labels.tolist() == [7, 7]
    assert "1 × class with several category ids, taken as one; first: '7' (category ids [8, 9])" in found.notes


SEVENS = [{'id': 8, 'name': '7'}, {'id': 9, 'name': 7.0}]
TWO = [BOX, BOX | {'id': 2, 'category_id': 3, 'bbox': [20, 4, 8, 12]}]


def numbers_of(truth):
    return dict(zip(truth.file_names, true_numbers(truth).values(), strict=True))


@pytest.mark.parametrize('form', [float, str, lambda value: f'{value}.0'])
def test_ids_and_numbers_may_be_floats_or_text(read, form):
    def convert(entry, keys):
        return {key: form(value) if key in keys else value for key, value in entry.items()}

    data = coco([convert(IMAGE, ('id', 'width', 'height'))], [convert(box, ('image_id', 'category_id')) for box in TWO])
    data['categories'] = [convert(category, ('id',)) for category in data['categories']]
    for box in data['annotations']:
        box['bbox'] = [form(value) for value in box['bbox']]
    found = read(data)
    assert numbers_of(found) == {'1.png': '72'}
    assert (found.bboxes.tolist(), found.notes) == ([[5, 4, 8, 12], [20, 4, 8, 12]], [])


@pytest.mark.parametrize('wrong', ['seven', '8.5', '', 8.5, '1_0', 'nan', '\u0668', None])
def test_an_id_that_is_no_whole_number_is_refused_with_its_value(read, wrong):
    with pytest.raises(UserError, match='1 × annotation of a category that "categories" does not list') as caught:
        read(coco([IMAGE], [BOX | {'category_id': wrong}]))
    assert f': {wrong!r}' in str(caught.value)


@pytest.mark.parametrize('value', [0, '0', '0.0', 0.0, 'false', 'False', False, None, ''])
def test_iscrowd_that_means_no(read, value):
    for key in ('iscrowd', 'ignore'):
        found = read(coco([IMAGE], [BOX | {key: value}]))
        assert (found.iscrowd.tolist(), found.notes) == ([False], [])


@pytest.mark.parametrize('value', [1, '1', 1.0, 'true', 'True', True])
def test_iscrowd_that_means_yes_is_counted(read, value):
    for key in ('iscrowd', 'ignore'):
        found = read(coco([IMAGE], [BOX | {key: value}, BOX | {'id': 2, 'bbox': [20, 4, 8, 12]}]))
        assert found.iscrowd.tolist() == [True, False]
        assert found.notes[0].startswith('1 × box that is crowd or to be ignored')


@pytest.mark.parametrize('value', [2, 'no', -1, [1]])
def test_iscrowd_of_another_value_is_refused(read, value):
    with pytest.raises(UserError, match='1 × iscrowd or ignore that is neither 0 nor 1') as caught:
        read(coco([IMAGE], [BOX | {'iscrowd': value}]))
    assert repr(value) in str(caught.value)


def test_equal_boxes_are_one_with_a_note(read):
    found = read(coco([IMAGE], [*TWO, *(box | {'id': box['id'] + 2} for box in TWO)]))
    assert numbers_of(found) == {'1.png': '72'}
    assert found.notes == ['2 × box that is there twice, taken once; first: annotation 3 (image 1)']


def test_two_digits_with_the_same_box_are_refused(read):
    with pytest.raises(UserError, match=r'two digits with the same box; first: annotation 2 \(image 1\): 7 and 2'):
        read(coco([IMAGE], [BOX, BOX | {'id': 2, 'category_id': 3}]))


@pytest.mark.parametrize('coding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_the_coding_of_a_json(read, tmp_path, coding):
    path = tmp_path / 'valid.json'
    (tmp_path / '1.png').rename(tmp_path / 'zähler.png')
    text = json.dumps(coco([IMAGE | {'file_name': 'zähler.png'}], [BOX]), ensure_ascii=False)
    path.write_bytes(text.encode(coding))
    assert read_annotations(path, tmp_path).file_names == ['zähler.png']


@pytest.mark.parametrize(
    ('listed', 'there'),
    [
        ('a\\1.png', 'a/1.png'),
        ('A/1.PNG', 'a/1.png'),
        ('meine%20fotos/1.png', 'meine fotos/1.png'),
        ('zähler.png', 'za\u0308hler.png'),
        ('za\u0308hler.png', 'zähler.png'),
        ('train/1.png', '1.png'),
        ('0a1b2c3d-1.png', '1.png'),
    ],
)
def test_names_written_in_another_way_are_found_and_noted(read, tmp_path, listed, there):
    photo = tmp_path / 'train' / there
    photo.parent.mkdir(parents=True)
    (tmp_path / '1.png').rename(photo)
    (tmp_path / 'train.json').write_text(json.dumps(coco([IMAGE | {'file_name': listed}], [BOX])))
    found = read_annotations(tmp_path / 'train.json', tmp_path / 'train')
    assert found.file_names == [there]
    assert found.notes == [f'1 × {RENAMED}; first: {listed} is {there}']


def test_unknown_sides_are_those_of_the_photo(read, tmp_path):
    (tmp_path / 'train').mkdir()
    (tmp_path / '1.png').rename(tmp_path / 'train/1.png')
    for sides in ({'width': None, 'height': None}, {'width': 0, 'height': 0}, {'width': 40, 'height': None}):
        (tmp_path / 'train.json').write_text(json.dumps(coco([IMAGE | sides], [BOX])))
        for folder in (None, tmp_path / 'train'):
            found = read_annotations(tmp_path / 'train.json', folder)
            assert found.sizes.tolist() == [[40, 20]]
            assert found.notes[0].startswith('1 × photo without width and height in its labels, measured')


def turned(tmp_path, name):
    """Save a photo of 40 x 20 px that its EXIF orientation turns upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (40, 20)).save(tmp_path / name, exif=exif)


def test_stored_sides_with_upright_boxes_are_taken_with_a_note(read, tmp_path):
    turned(tmp_path, '1.jpg')
    listed = IMAGE | {'file_name': '1.jpg'}
    found = read(coco([listed], [BOX | {'bbox': [2, 20, 8, 18]}]))
    assert (found.sizes.tolist(), found.bboxes.tolist()) == ([[20, 40]], [[2, 20, 8, 18]])
    assert found.notes[0].startswith('1 × photo that EXIF turns, with the stored sides in its labels')
    for other in (BOX | {'bbox': [30, 2, 8, 12]}, BOX | {'id': 2, 'image_id': 2, 'bbox': [30, 2, 8, 12]}):
        turned(tmp_path, '2.jpg')
        images = [listed, IMAGE | {'id': 2, 'file_name': '2.jpg'}]
        with pytest.raises(
            UserError, match=r'2 × image size that differs.*is 20x40, not 40x20, with the sides swapped'
        ):
            read(coco(images, [BOX | {'id': 9, 'bbox': [2, 2, 8, 12]}, other]))
    with pytest.raises(UserError, match='1 × image size that differs from the file'):  # turned on disk, not by EXIF
        read(coco([IMAGE | {'width': 20, 'height': 40}], [BOX]))


def test_annotation_id_0_is_noted(read):
    zero = [box | {'id': box['id'] - 1} for box in TWO]
    found = read(coco([IMAGE], zero))
    (note,) = found.notes
    assert [entry['id'] for entry in json.loads(annotations_json(found))['annotations']] == [1, 2]
    assert note == '1 × annotation id 0, which COCO evaluators count as never found; count ids from 1; first: id 0'


def test_boxes_that_are_corners_are_refused(read):
    corners = [BOX | {'bbox': [18, 8, 26, 19]}, BOX | {'id': 2, 'bbox': [28, 8, 36, 19]}]
    with pytest.raises(
        UserError, match=r'mend 1 mistakes(.|\n)*boxes that look like x_min y_min x_max y_max, not like'
    ):
        read(coco([IMAGE], corners))


def test_a_turned_box_becomes_the_upright_box_around_it(read):
    for mark in ({'attributes': {'rotation': 90.0}}, {'rotation': '-90'}):
        found = read(coco([IMAGE], [BOX | mark]))
        np.testing.assert_allclose(found.bboxes, [[3, 6, 12, 8]])
        assert found.notes[0].startswith('1 × turned box, replaced by the upright box around it; first: annotation 1')
    assert read(coco([IMAGE], [BOX | {'attributes': {'rotation': 0.0, 'occluded': True}}])).notes == []
    with pytest.raises(UserError, match='rotation of a box that is no number'):
        read(coco([IMAGE], [BOX | {'attributes': {'rotation': 'left'}}]))


def test_corners_of_a_box_drawn_from_the_lower_right_are_put_in_order(read):
    found = read(coco([IMAGE], [BOX | {'bbox': [13, 16, -8, -12]}]))
    assert found.bboxes.tolist() == [[5, 4, 8, 12]]
    assert found.notes[0].startswith('1 × box with a negative width or height, its corners put in order')
