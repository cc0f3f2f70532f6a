"""A submission made by anyone: each mistake is found, and said with its count and first example."""

import json
import re
import struct
import tracemalloc
import zipfile

import pytest

from custom.submission import validator
from custom.submission.validator import check_submission

IMAGE_IDS, SIZES = [1, 2, 10], [(100, 50), (60, 40), (30, 30)]
BOXES = [
    {'image_id': 10, 'bbox': [2, 3, 10, 20], 'score': 0.9, 'category_id': 1},
    {'image_id': 10, 'bbox': [14, 3, 10, 20], 'score': 0.01, 'category_id': 6},
    {'image_id': 1, 'bbox': [40, 0, 60.4, 50], 'score': 1, 'category_id': 8},
]
ROWS = ['1,7', '2,-1', '10,05']


def submit(folder, boxes=BOXES, rows=ROWS, header='image_id,pred_label'):
    """Write the three files of a submission."""
    (folder / 'pred.json').write_text(boxes if isinstance(boxes, str) else json.dumps(boxes))
    (folder / 'pred.csv').write_text('\n'.join([header, *rows]) + '\n')
    pack(folder)


def pack(folder, members=('pred.json', 'pred.csv'), prefix=''):
    with zipfile.ZipFile(folder / 'submission.zip', 'w') as archive:
        for name in members:
            archive.write(folder / name, prefix + name)


def problems_in(folder):
    files = [folder / name for name in ('pred.json', 'pred.csv', 'submission.zip')]
    return check_submission(*files, IMAGE_IDS, SIZES).problems


def only_problem(folder):
    (problem,) = problems_in(folder)
    assert '\n' not in problem
    return problem


def test_a_right_submission(tmp_path):
    submit(tmp_path)
    assert problems_in(tmp_path) == []
    files = [tmp_path / name for name in ('pred.json', 'pred.csv', 'submission.zip')]
    assert check_submission(*files, IMAGE_IDS, SIZES) == ([], 3, 2)


def test_the_order_of_the_photos_does_not_matter(tmp_path):
    submit(tmp_path, rows=ROWS[::-1])
    files = [tmp_path / name for name in ('pred.json', 'pred.csv', 'submission.zip')]
    assert check_submission(*files, IMAGE_IDS[::-1], SIZES[::-1]).problems == []


def test_no_box_at_all_is_right(tmp_path):
    submit(tmp_path, [], ['1,-1', '2,-1', '10,-1'])
    assert problems_in(tmp_path) == []


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (
            {'category_id': 0},
            r'1 of 4 entries are wrong; first: entry 3 \(from 0\): category_id 0: categories start at 1',
        ),
        ({'category_id': 11}, '1 of 4 entries are wrong.*category_id 11'),
        ({'score': 1.5}, '1 of 4 scores are not from 0 to 1; first: 1.5'),
        ({'score': -0.5}, '1 of 4 scores are not from 0 to 1; first: -0.5'),
        ({'score': float('nan')}, '1 of 4 entries are wrong.*score nan is not finite'),
        ({'bbox': [0, 0, float('inf'), 1]}, '1 of 4 entries are wrong.*not finite'),
        ({'bbox': [5, 5, -1, 1]}, '1 of 4 entries are wrong.*negative width or height'),
        ({'image_id': 5}, '1 of 4 boxes have an image_id that is none of the photos; first: 5'),
        ({'bbox': [50, 5, 10.6, 1]}, r'1 of 4 boxes reach outside their photo; first: \[50.0.*image 2 of 60x40 px'),
        ({'bbox': [-0.6, 5, 10, 1]}, '1 of 4 boxes reach outside'),
        ({'bbox': [5, 5, 10, 35.6]}, '1 of 4 boxes reach outside'),
        ({'score': '1'}, r'entry 3 \(from 0\): score must be a number'),
        ({'bbox': [1, 2, 3]}, r'entry 3 \(from 0\): bbox must be \[x, y, w, h\]'),
    ],
)
def test_mistakes_in_pred_json(tmp_path, change, said):
    submit(tmp_path, [*BOXES, {'image_id': 2, 'bbox': [0, 0, 5, 5], 'score': 0.5, 'category_id': 3} | change])
    assert re.search(rf'pred\.json: {said}', only_problem(tmp_path))


def test_half_a_pixel_over_the_edge_is_right(tmp_path):
    submit(tmp_path, [*BOXES, {'image_id': 2, 'bbox': [-0.5, -0.5, 61, 41], 'score': 0.5, 'category_id': 3}])
    assert problems_in(tmp_path) == []


def test_boxes_that_look_like_corners_are_explained(tmp_path):
    corners = [[2, 3, 12, 23], [14, 3, 24, 23], [40, 0, 100, 50]]
    submit(tmp_path, [entry | {'bbox': bbox} for entry, bbox in zip(BOXES, corners, strict=True)])
    assert 'x_min y_min x_max y_max' in only_problem(tmp_path)
    # one stray box among right ones is no reason to think so
    submit(tmp_path, [*BOXES, BOXES[0] | {'bbox': [14, 3, 24, 23]}])
    assert 'x_min' not in only_problem(tmp_path)


@pytest.mark.parametrize(
    ('rows', 'said'),
    [
        (['1,7', '10,05'], '1 of 3 photos have no row; first: 2'),
        ([], '3 of 3 photos have no row; first: 1, 2, 10'),
        ([*ROWS, '1,7'], '1 of 3 images have more than one row; first: 1'),
        ([*ROWS, '99,-1'], '1 of 4 images are none of the photos; first: 99'),
        (['1,7.0', *ROWS[1:]], "1 of 3 labels are neither -1 nor made of digits 0-9; first: (1, '7.0')"),
        (['1,7', '2,', '10,05'], "1 of 3 labels are neither -1 nor made of digits 0-9; first: (2, '')"),
        (['1,71', *ROWS[1:]], "1 of 2 labels have digits that pred.json has no box for; first: (1, '71')"),
        (['1,77', *ROWS[1:]], "1 of 2 labels have digits that pred.json has no box for; first: (1, '77')"),
        (['1,7', '2,3', '10,05'], "1 of 3 labels have digits that pred.json has no box for; first: (2, '3')"),
        (['1,x', *ROWS[1:], '5'], "row 5: must be a whole number and a label, but it is '5'"),
    ],
)
def test_mistakes_in_pred_csv(tmp_path, rows, said):
    submit(tmp_path, rows=rows)
    assert only_problem(tmp_path).endswith(f'pred.csv: {said}')


def test_a_label_may_leave_boxes_out_and_turn_their_order(tmp_path):
    submit(tmp_path, rows=['1,-1', '2,-1', '10,5'])
    assert problems_in(tmp_path) == []
    submit(tmp_path, rows=['1,-1', '2,-1', '10,50'])
    assert problems_in(tmp_path) == []


def test_a_wrong_header(tmp_path):
    submit(tmp_path, header='id,label')
    assert 'the first line must be image_id,pred_label' in only_problem(tmp_path)


def test_everything_wrong_is_said_at_once(tmp_path):
    submit(tmp_path, [BOXES[0] | {'category_id': 0}, BOXES[1] | {'score': 2}], ['1,x', '10,9'])
    said = ['category_id 0', 'scores are not', 'no row; first: 2', 'neither -1', 'no box for']
    problems = problems_in(tmp_path)
    assert len(problems) == len(said)
    assert all(part in problem for part, problem in zip(said, problems, strict=True))


def test_many_mistakes_of_a_kind_are_one_line_with_three_examples(tmp_path):
    submit(tmp_path, [BOXES[0] | {'category_id': 0}] * 500, ['1,-1', '2,-1', '10,-1'])
    problem = only_problem(tmp_path)
    assert '500 of 500' in problem
    assert problem.count('category_id 0') == 3


@pytest.mark.parametrize(
    ('members', 'prefix'),
    [(['pred.json'], ''), (['pred.json', 'pred.csv'], 'out/'), (['pred.json', 'pred.csv', 'x'], '')],
)
def test_the_layout_of_the_zip(tmp_path, members, prefix):
    submit(tmp_path)
    (tmp_path / 'x').write_text('')
    pack(tmp_path, members, prefix)
    assert 'must hold exactly pred.json and pred.csv at its root' in only_problem(tmp_path)


def test_a_zip_that_differs_from_the_files_beside_it(tmp_path):
    submit(tmp_path)
    (tmp_path / 'pred.csv').write_text('image_id,pred_label\n1,-1\n2,-1\n10,-1\n')
    problem = only_problem(tmp_path)
    assert 'submission.zip: its pred.csv is not the same as' in problem


def test_the_zip_alone_is_enough_and_its_content_is_checked(tmp_path):
    submit(tmp_path, rows=['1,7', '2,-1', '10,0'])
    for name in ('pred.json', 'pred.csv'):
        (tmp_path / name).unlink()
    assert problems_in(tmp_path) == []
    submit(tmp_path, rows=['1,7', '10,0'])
    for name in ('pred.json', 'pred.csv'):
        (tmp_path / name).unlink()
    assert only_problem(tmp_path).endswith('submission.zip:pred.csv: 1 of 3 photos have no row; first: 2')


def test_files_that_are_missing_or_broken(tmp_path):
    assert [problem.split(': ')[-1] for problem in problems_in(tmp_path)] == ['no such file'] * 3
    submit(tmp_path)
    whole = (tmp_path / 'submission.zip').read_bytes()
    (tmp_path / 'submission.zip').write_bytes(b'no zip')
    assert 'submission.zip: not a zip that can be read' in only_problem(tmp_path)
    (tmp_path / 'submission.zip').write_bytes(whole.replace(b'"score": 0.9', b'"score": 0.8'))  # checksum fails
    assert 'submission.zip: not a zip that can be read' in only_problem(tmp_path)
    submit(tmp_path, boxes='[{')
    assert 'pred.json: not JSON' in only_problem(tmp_path)


def test_a_zip_that_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    submit(tmp_path)
    (tmp_path / 'pred.json').rename(tmp_path / 'elsewhere.json')
    size = (tmp_path / 'elsewhere.json').stat().st_size
    monkeypatch.setattr(validator, 'MOST_UNPACKED', (size - 30, 10))  # and three photos
    assert problems_in(tmp_path) == []
    monkeypatch.setattr(validator, 'MOST_UNPACKED', (size - 31, 10))
    said, gone = problems_in(tmp_path)
    assert f'submission.zip: pred.json unpacks to {size} bytes, more than {size - 1} for 3 photos; leave' in said
    assert gone == f'{tmp_path}/pred.json: no such file'


def test_a_zip_unpacks_to_no_more_than_it_declares(tmp_path):
    submit(tmp_path)
    size = 8_000_000
    with zipfile.ZipFile(tmp_path / 'submission.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('pred.json', b' ' * size)
        archive.writestr('pred.csv', '')
    path = tmp_path / 'submission.zip'
    path.write_bytes(path.read_bytes().replace(struct.pack('<I', size), struct.pack('<I', 999)))
    tracemalloc.start()
    try:
        assert 'submission.zip: not a zip that can be read (Bad CRC' in problems_in(tmp_path)[0]
        assert tracemalloc.get_traced_memory()[1] < size / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize('method', [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_of_compression_are_refused(tmp_path, method):
    submit(tmp_path)
    with zipfile.ZipFile(tmp_path / 'submission.zip', 'w') as archive:
        archive.write(tmp_path / 'pred.json', 'pred.json', method)
        archive.write(tmp_path / 'pred.csv', 'pred.csv')
    assert 'submission.zip: pred.json is not stored or deflated; make the zip again' in only_problem(tmp_path)


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (b'PK\x01\x02\x14\x03\x14', b'PK\x01\x02\x14\x03\xff'),  # needs a newer unzip
        (b'PK\x01\x02\x14\x03\x14\x00\x00\x00', b'PK\x01\x02\x14\x03\x14\x00\x01\x00'),  # encrypted
        (b'pred.csv', b'pred\nc\xffv'),
        (b'pred.csv', b'../p.csv'),
    ],
)
def test_an_odd_zip_is_one_line(tmp_path, old, new):
    submit(tmp_path)
    path = tmp_path / 'submission.zip'
    path.write_bytes(path.read_bytes().replace(old, new))
    assert re.search('submission.zip: (not a zip that can be read|must hold exactly)', only_problem(tmp_path))


def test_a_member_whose_name_is_no_utf_8(tmp_path):
    submit(tmp_path)
    with zipfile.ZipFile(tmp_path / 'submission.zip', 'w') as archive:
        archive.writestr('pré.csv', '')
    path = tmp_path / 'submission.zip'
    path.write_bytes(path.read_bytes().replace('é'.encode(), b'\xff\xff'))
    assert 'submission.zip: not a zip that can be read' in only_problem(tmp_path)


def test_a_table_of_contents_of_many_files_is_not_read(tmp_path, monkeypatch):
    submit(tmp_path)
    monkeypatch.setattr(validator._BoundedFile, 'most', 10_000)
    with zipfile.ZipFile(tmp_path / 'submission.zip', 'w') as archive:
        for number in range(200):
            archive.writestr(f'{number:060}', '')
    assert 'its table of contents has 21200 bytes' in problems_in(tmp_path)[0]


def test_a_list_without_entries_is_not_parsed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr('custom.utils.files.MOST_VALUES', 10**6)
    submit(tmp_path)
    (tmp_path / 'pred.json').write_text('[' + '[],' * 10**6 + '[]]')
    pack(tmp_path)
    packed, loose = problems_in(tmp_path)
    assert 'pred.json unpacks to 3000004 bytes, more than' in packed
    assert 'pred.json: not JSON (holds more than 1 million values)' in loose
