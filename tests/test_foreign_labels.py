"""custom/foreign_labels.py: labels of others become annotations, or one message says everything."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from custom.errors import UserError
from custom.foreign_labels import SourceBox, SourcePhoto, gather

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
    found = gather(SOURCE, photos, {'ten': 0, 'plate': None})
    assert found.truth.image_ids.tolist() == [0, 1, 2, 3]
    assert found.truth.file_names == [str(photo)] * 4
    assert found.truth.sizes.tolist() == [[40, 20]] * 4
    assert found.truth.box_image_ids.tolist() == [0, 0, 1]
    assert found.truth.bboxes.tolist() == [[5, 4, 8, 12], [30, 0, 10, 20], [20, 5, 10, 10]]
    assert found.truth.labels.tolist() == [0, 3, 7]
    assert found.splits == ['valid', None, 'test', None]
    assert found.labelled.tolist() == [True, True, False, True]
    assert found.signatures.shape == (4, 256)
    assert found.notes == ["1 × box left out, as --classes says; first: b: 'plate'"]


def test_a_rough_box_is_clipped_and_said(photo):
    found = gather(SOURCE, [SourcePhoto(photo, None, [box(bbox=[-1, 4, 9, 12])])], {})
    assert found.truth.bboxes.tolist() == [[0, 4, 8, 12]]
    assert found.notes[0].startswith("1 × box clipped at the edge of its photo; first: annotation 'a.txt line 1'")


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


def test_all_mistakes_are_said_at_once(photo, tmp_path):
    with pytest.raises(UserError) as caught:
        gather(SOURCE, bad_photos(photo, tmp_path), {})
    first, *lines = str(caught.value).splitlines()
    assert first == 'mine: 5 of 6 photos have mistakes; mend them, or leave those photos out with --skip-bad:'
    for said in (
        'text.png: is not a photo',
        "1 × box outside the image by more than a quarter of its area; first: annotation 'b.txt line 7' (image 2)",
        '1 × empty box (under 1 pixel wide or high)',
        '1 × bbox that is not four finite numbers',
        'photo whose size is not what its labels say; first: ' + f'{photo} is 40x20, not 20x40',
        '1 × line that is odd; first: c.txt line 2',
    ):
        assert any(said in line for line in lines), said
    assert len(lines) == 6


def test_photos_with_mistakes_are_left_out_where_that_is_asked_for(photo, tmp_path):
    found = gather(SOURCE, bad_photos(photo, tmp_path), {}, skip_bad=True)
    assert found.truth.image_ids.tolist() == [0]
    assert found.notes[0] == '5 × photo with mistakes, left out:'
    assert len(found.notes) == 7


def test_no_digit_is_refused(photo, tmp_path):
    for photos in ([], [SourcePhoto(photo)], [SourcePhoto(photo, None, [box('x')])]):
        with pytest.raises(UserError, match='mine: no labelled digit is left'):
            gather(SOURCE, photos, {'x': None})
    with pytest.raises(UserError, match='no labelled digit is left'):
        gather(SOURCE, bad_photos(photo, tmp_path)[1:], {}, skip_bad=True)


def test_an_unknown_label_is_refused_even_where_mistakes_are_left_out(photo):
    with pytest.raises(UserError, match=r"'ten' \(1 boxes; first: a\.txt line 1\)"):
        gather(SOURCE, [SourcePhoto(photo, None, [box('ten')])], {}, skip_bad=True)


def test_a_photo_of_one_pixel_holds_no_box(tmp_path):
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(tmp_path / 'dot.png')
    with pytest.raises(UserError, match='empty box'):
        gather(SOURCE, [SourcePhoto(tmp_path / 'dot.png', None, [box(bbox=[0, 0, 0.9, 1])], relative=True)], {})
