"""custom/data/formats/labels.py: labels of other tools become annotations, or one error lists all faults."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from custom.data.coco_reading import Findings
from custom.data.formats.labels import (
    SourceBox,
    SourcePhoto,
    check_labels,
    class_digits,
    files_below,
    parse_classes,
    read_text,
    replaced_folder,
    split_in_path,
)
from custom.structures.annotations import true_numbers
from custom.structures.photos import SUFFIXES
from custom.utils.errors import UserError

SOURCE = Path('mine')


@pytest.fixture
def photo(tmp_path):
    Image.new('RGB', (40, 20)).save(tmp_path / 'a b.png')
    return tmp_path / 'a b.png'


def box(label='5', bbox=(5, 4, 8, 12), where='a.txt line 1'):
    return SourceBox(where, label, list(bbox))


def test_boxes_in_pixels_and_in_shares_get_their_digits(photo):
    photos = [
        SourcePhoto(photo, 'valid', [box('ten'), box('plate', where='b'), box('3', [30, 0, 10, 20], 'c')]),
        SourcePhoto(photo, None, [box('7', [0.5, 0.25, 0.25, 0.5])], relative=True),
        SourcePhoto(photo, 'test'),
        SourcePhoto(photo, None, []),
    ]
    truth, checked, signatures = check_labels(SOURCE, photos, {'ten': 0, 'plate': None})
    assert truth.image_ids.tolist() == [0, 1, 2, 3]
    assert truth.file_names == [str(photo)] * 4
    assert truth.sizes.tolist() == [[40, 20]] * 4
    assert truth.box_image_ids.tolist() == [0, 0, 1]
    assert truth.bboxes.tolist() == [[5, 4, 8, 12], [30, 0, 10, 20], [20, 5, 10, 10]]
    assert truth.labels.tolist() == [0, 3, 7]
    assert checked == photos
    assert signatures.shape == (4, 256)
    assert truth.notes == [
        "1 × box left out by --classes; first: b: 'plate'",
        f'1 × photo without a box, taken as one without a digit; first: {photo}',
    ]


def test_an_imprecise_box_is_clipped_and_noted(photo):
    truth, *_ = check_labels(SOURCE, [SourcePhoto(photo, None, [box(bbox=[-1, 4, 9, 12])])], {})
    assert truth.bboxes.tolist() == [[0, 4, 8, 12]]
    assert truth.notes[0].startswith("1 × box clipped at the edge of its photo; first: annotation 'a.txt line 1'")


def bad_photos(photo, tmp_path):
    text = tmp_path / 'text.png'
    text.write_text('no photo')
    return [
        SourcePhoto(photo, None, [box()]),
        SourcePhoto(text, None, [box()]),
        SourcePhoto(photo, None, [box(bbox=[50, 4, 8, 12], where='b.txt line 7')]),
        SourcePhoto(photo, None, [box(bbox=[5, 4, 0.5, 12]), box(bbox=[5, 4, float('nan'), 12], where='b')]),
        SourcePhoto(photo, None, [box()], size=(20, 40)),
        SourcePhoto(photo, None, [box()], faults=[('line that is odd', 'c.txt line 2')]),
    ]


def test_the_error_lists_all_faults(photo, tmp_path):
    with pytest.raises(UserError) as caught:
        check_labels(SOURCE, bad_photos(photo, tmp_path), {})
    first, *lines = str(caught.value).splitlines()
    assert first == 'mine: 5 of 6 photos have mistakes; mend them, or leave those photos out with --skip-bad:'
    for said in (
        'text.png: is not a photo',
        "1 × box outside the image by more than a quarter of its area; first: annotation 'b.txt line 7' (image 2)",
        '1 × empty box (under 1 pixel wide or high)',
        '1 × bbox that is not four finite numbers',
        f'image size that differs from the file; first: {photo} is 40x20, not 20x40',
        '1 × line that is odd; first: c.txt line 2',
    ):
        assert any(said in line for line in lines), said
    assert len(lines) == 6


def test_photos_with_faults_are_left_out_with_skip_bad(photo, tmp_path):
    truth, *_ = check_labels(SOURCE, bad_photos(photo, tmp_path), {}, skip_bad=True)
    assert truth.image_ids.tolist() == [0]
    assert truth.notes[0] == '5 × photo with mistakes, left out:'
    assert len(truth.notes) == 7


def test_no_digit_is_refused(photo, tmp_path):
    for photos in ([], [SourcePhoto(photo)], [SourcePhoto(photo, None, [box('x')])]):
        with pytest.raises(UserError, match='mine: no labelled digit is left'):
            check_labels(SOURCE, photos, {'x': None})
    with pytest.raises(UserError, match='no labelled digit is left'):
        check_labels(SOURCE, bad_photos(photo, tmp_path)[1:], {}, skip_bad=True)


def test_an_unknown_label_is_refused_even_where_mistakes_are_left_out(photo):
    with pytest.raises(UserError, match=r"'ten' \(1 boxes; first: a\.txt line 1\)"):
        check_labels(SOURCE, [SourcePhoto(photo, None, [box('ten')])], {}, skip_bad=True)


def test_a_photo_of_one_pixel_holds_no_box(tmp_path):
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(tmp_path / 'dot.png')
    with pytest.raises(UserError, match='empty box'):
        check_labels(SOURCE, [SourcePhoto(tmp_path / 'dot.png', None, [box(bbox=[0, 0, 0.9, 1])], relative=True)], {})


def test_pairs_of_name_and_digit():
    said = ['ten=0', 'digit_5=5', ' house number =none', 'a=b=3']
    assert parse_classes(said) == {'ten': 0, 'digit_5': 5, 'house number': None, 'a=b': 3}
    assert parse_classes([]) == {}


@pytest.mark.parametrize('pair', ['ten', 'ten=', 'ten=10', 'ten=x', '=', 'ten=-1', 'ten=٣'])
def test_a_malformed_pair_is_refused(pair):
    with pytest.raises(UserError, match=r'must be NAME=DIGIT'):
        parse_classes([pair])


def test_a_name_is_given_once():
    with pytest.raises(UserError, match="'ten' is there twice"):
        parse_classes(['ten=0', 'ten=1'])


def test_names_of_digits_are_these_digits_unless_mapped():
    known = class_digits(Path('x'), [('7', 'a'), ('10', 'b')], {'10': 0, '7': 1})
    assert known['10'] == 0 and known['7'] == 1 and known['3'] == 3


def test_an_unknown_label_is_explained():
    labels = [('digit_5', 'a.txt line 1'), ('ten', 'a.txt line 2'), ("it's 5", 'b.txt line 1'), ('ten', 'b.txt line 3')]
    with pytest.raises(UserError) as caught:
        class_digits(Path('mine'), labels, {'digit_5': 5})
    assert str(caught.value) == (
        'mine: labels that are no digit: "it\'s 5" (1 boxes; first: b.txt line 1), '
        "'ten' (2 boxes; first: a.txt line 2); give the digit of each one by --classes "
        """'it'"'"'s 5'=DIGIT ten=DIGIT (or =none: such boxes are left out)"""
    )


def test_a_message_lists_ten_unknown_labels_at_most():
    with pytest.raises(UserError, match='and 180 more; give') as caught:
        class_digits(Path('mine'), [(str(i), 'a') for i in range(200)] + [('5', 'a')], {})
    assert len(str(caught.value)) < 1000


def test_files_at_any_depth_in_natural_order_without_hidden_ones(tmp_path):
    for name in ('b/10.png', 'b/2.PNG', 'a/x.jpg', 'a/x.txt', '.cache/1.png', 'a/.y.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('')
    assert [str(path.relative_to(tmp_path)) for path in files_below(tmp_path, Findings(), SUFFIXES)] == [
        'a/x.jpg',
        'b/2.PNG',
        'b/10.png',
    ]
    assert files_below(tmp_path, Findings(), ('.txt',)) == [tmp_path / 'a/x.txt']
    with pytest.raises(UserError, match='gone: no such folder'):
        files_below(tmp_path / 'gone', Findings())


def test_a_folder_without_permission_is_named(tmp_path, monkeypatch):
    def locked(path):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(os, 'scandir', locked)  # root, who may run the tests, may read everything
    with pytest.raises(UserError, match=rf'{tmp_path}: cannot be read \(Permission denied\); check its permissions'):
        files_below(tmp_path, Findings())


def test_text(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_bytes(b'\xef\xbb\xbf1 2\r\n')
    assert read_text(path).split() == ['1', '2']
    path.write_bytes(b'\xff\xfe1\0')
    with pytest.raises(UserError, match=r'a\.txt: is no text in UTF-8'):
        read_text(path)
    with pytest.raises(UserError, match=r'b\.txt: cannot be read'):
        read_text(tmp_path / 'b.txt')


@pytest.mark.parametrize(
    ('path', 'split'),
    [('images/7.png', None), ('images/val/7.png', 'valid'), ('Test/images/7.png', 'test'), ('images/train.png', None)],
)
def test_the_split_that_a_folder_names(path, split):
    assert split_in_path(Path(path), Findings()) == split


def test_the_last_folder_of_a_name_is_replaced():
    base = Path('/data/images')
    assert replaced_folder(base / 'images/images/7.png', base, 'images', 'labels') == base / 'images/labels/7.png'
    assert replaced_folder(base / '7.png', base, 'images', 'labels') is None  # not above the base
    assert replaced_folder(base / 'a/images', base, 'images', 'labels') is None  # a file of that name


def test_boxes_of_every_format_are_compared(photo):
    twice = [box('5', [2, 4, 8, 12]), box('5', [2, 4, 8, 12], 'a.txt line 2'), box('6', [12, 4, 8, 12])]
    near = [box('5', [2, 4, 8, 12]), box('5', [3, 4, 8, 12])]
    rows = [box('5', [2, 1, 8, 9]), box('6', [3, 11, 8, 9])]
    truth, *_ = check_labels(SOURCE, [SourcePhoto(photo, None, boxes) for boxes in (twice, near, rows)], {})
    assert list(true_numbers(truth).values()) == ['56', '55', '56']
    assert truth.notes == [
        "1 × box that is there twice, taken once; first: annotation 'a.txt line 2' (image 0)",
        f'1 × photo with digits that lie on one another, perhaps boxed twice; first: {photo}',
        f'1 × photo with digits above one another: its number is read by row, from left to right; first: {photo}',
    ]


def test_corners_are_refused_even_where_mistakes_are_left_out(photo):
    boxes = [box('5', [18, 8, 26, 19]), box('6', [28, 8, 36, 19])]
    with pytest.raises(UserError, match='mine: boxes that look like x_min y_min x_max y_max, not like'):
        check_labels(SOURCE, [SourcePhoto(photo, None, boxes)], {}, skip_bad=True)
