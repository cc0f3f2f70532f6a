"""custom/data/coco_reading.py: annotations, and the faults of COCO jsons."""

import json

import numpy as np
import pytest
from helpers.project import coco
from PIL import Image

from custom.data.coco_reading import Findings, ids_and_names, read_annotations, read_boxes
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
    assert found.notes == []


@pytest.mark.parametrize('as_name', [str, int])
def test_labels_are_digits_independent_of_order_and_ids_of_the_categories(read, as_name):
    categories = [{'id': 100 - 7 * digit, 'name': as_name(digit)} for digit in (9, 3, 0, 1, 2, 8, 7, 6, 5, 4)]
    annotations = [BOX | {'id': digit, 'category_id': 100 - 7 * digit} for digit in range(10)]
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
        (json.dumps(coco([IMAGE], [BOX], [{'id': 8, 'name': '7'}, {'id': 9, 'name': 7}])), 'duplicate class'),
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
        '4 × image without a whole-number id (below 2**53), file_name, width and height; first:',
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
