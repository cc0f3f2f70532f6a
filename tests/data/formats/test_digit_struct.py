"""custom/data/formats/digit_struct.py, on a file as MATLAB writes it."""

import h5py
import numpy as np
import pytest
from helpers.svhn_files import write_digit_struct

from custom.data.formats.digit_struct import read_digit_struct
from custom.utils.errors import UserError

PHOTOS = [
    ('1.png', [(1, 246, 77, 81, 219), (9, 323, 81, 96, 219)]),
    ('2.png', [(0, 77.5, -2, 23, 32)]),
    ('é, "3".png', [(5, 1, 2, 3, 4), (0, 5, 6, 7, 8), (2, 9, 10, 11, 12)]),
]


@pytest.fixture
def mat(tmp_path):
    write_digit_struct(tmp_path / 'digitStruct.mat', PHOTOS)
    return tmp_path / 'digitStruct.mat'


def test_photos_boxes_and_digits(mat):
    struct = read_digit_struct(mat)
    assert struct.names == ['1.png', '2.png', 'é, "3".png']
    assert struct.rows.tolist() == [0, 0, 1, 2, 2, 2]
    assert struct.labels.tolist() == [1, 9, 0, 5, 0, 2]  # the file says 10 for 0
    assert struct.bboxes.tolist() == [
        [246, 77, 81, 219],
        [323, 81, 96, 219],
        [77.5, -2, 23, 32],
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11, 12],
    ]


def test_a_photo_without_a_box(mat):
    with h5py.File(mat, 'r+') as file:
        empty = file.create_dataset('#refs#/empty', data=np.zeros(2, np.uint64))  # how MATLAB saves []
        empty.attrs['MATLAB_empty'] = np.uint8(1)
        file['digitStruct/bbox'][1, 0] = empty.ref
    struct = read_digit_struct(mat)
    assert len(struct.names) == 3
    assert struct.rows.tolist() == [0, 0, 2, 2, 2]


def test_references_to_many_numbers_are_refused_not_read_past_the_end(mat):
    with h5py.File(mat, 'r+') as file:
        many = file.create_dataset('#refs#/many', data=np.zeros((1000, 1)))
        group = file[file['digitStruct/bbox'][0, 0]]
        group['left'][0, 0] = many.ref
    with pytest.raises(UserError, match='is damaged'):
        read_digit_struct(mat)


def test_columns_of_different_length_are_refused(mat):
    with h5py.File(mat, 'r+') as file:
        group = file[file['digitStruct/bbox'][1, 0]]
        del group['top']
        group['top'] = np.zeros((2, 1))
    with pytest.raises(UserError, match='2 values of top on a photo with 1 digits'):
        read_digit_struct(mat)


def test_a_label_that_is_no_digit_is_refused(mat):
    with h5py.File(mat, 'r+') as file:
        file[file['digitStruct/bbox'][1, 0]]['label'][0, 0] = 11
    with pytest.raises(UserError, match='labels that are not 1 to 10'):
        read_digit_struct(mat)


def test_other_files_are_named_with_the_way_out(tmp_path, mat):
    with pytest.raises(UserError, match=r'gone\.mat: no such file; it comes with the photos'):
        read_digit_struct(tmp_path / 'gone.mat')
    (tmp_path / 'x.mat').write_bytes(b'MATLAB 5.0 MAT-file' + bytes(1000))
    with pytest.raises(UserError, match=r'x\.mat: is no digitStruct\.mat of the full numbers'):
        read_digit_struct(tmp_path / 'x.mat')
    mat.write_bytes(mat.read_bytes()[:3000])
    with pytest.raises(UserError, match='unpack or download it again'):
        read_digit_struct(mat)
    with h5py.File(mat, 'w') as file:
        file['other'] = 1
    with pytest.raises(UserError, match='is no digitStruct'):
        read_digit_struct(mat)


@pytest.mark.parametrize('kind', ['claim', 'link', 'raw'])
def test_claims_and_other_files_are_refused_before_they_are_read(tmp_path, kind):
    secret = tmp_path / 'secret'
    secret.write_bytes(bytes(100))
    with h5py.File(tmp_path / 'digitStruct.mat', 'w') as file:
        if kind == 'link':
            file['digitStruct'] = h5py.ExternalLink(str(secret), '/')
        else:
            group = file.create_group('digitStruct')
            claim = {'shape': (10**12, 1), 'dtype': h5py.ref_dtype, 'chunks': (1000, 1)}
            raw = {'shape': (100, 1), 'dtype': 'u1', 'external': [(str(secret), 0, 100)]}
            for name in ('name', 'bbox'):
                group.create_dataset(name, **(claim if kind == 'claim' else raw))
    with pytest.raises(UserError, match=r'10{12} values|no digitStruct|values in another file'):
        read_digit_struct(tmp_path / 'digitStruct.mat')
