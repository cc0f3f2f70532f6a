"""tools/fuse_results.py as a person runs it."""

import json

import pytest
from helpers.project import run_tool

pytestmark = pytest.mark.integration


def run(*arguments):
    return run_tool('fuse_results.py', *arguments)


def entry(image_id, height, score, digit=7):
    return {'image_id': image_id, 'bbox': [5, 5, 10, height], 'score': score, 'category_id': digit + 1}


@pytest.fixture
def files(tmp_path):
    """Two models on photos 1 and 2; the second finds nothing on 2."""
    one, two = tmp_path / 'one.json', tmp_path / 'two.json'
    one.write_text(json.dumps([entry(1, 10, 0.8), entry(2, 10, 0.5)]))
    two.write_text(json.dumps([entry(1, 12, 0.4)]))
    return one, two


def test_two_files_become_one(files, tmp_path):
    done = run(*files, '--out', tmp_path / 'new' / 'out')
    target = tmp_path / 'new' / 'out' / 'pred.json'
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == f'{target}: 2 boxes on 2 photos, 1 of them in all files\n'
    # (0.8 * 10 + 0.4 * 12) / 1.2 = 10.667 px high
    assert json.loads(target.read_text()) == [entry(1, 10.667, 0.6), entry(2, 10, 0.25)]


def test_weights_and_iou_thr_change_the_result(files, tmp_path):
    done = run(*files, '--out', tmp_path, '--weights', 2, 1)
    assert done.returncode == 0, done.stderr
    # (1.6 * 10 + 0.4 * 12) / 2 = 10.4 px high
    assert json.loads((tmp_path / 'pred.json').read_text()) == [entry(1, 10.4, 0.666667), entry(2, 10, 0.333333)]
    done = run(*files, '--out', tmp_path, '--iou-thr', 0.9)  # 10 / 12 is less
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / 'pred.json').read_text())) == 3


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['ONE'], 'ONE: one file alone is nothing to fuse; give two or more of the same photos'),
        (['ONE', 'TWO', '--weights', '1'], '1 weights for 2 sets of predictions; give one for each'),
        (['ONE', 'TWO', '--weights', '1', '-1'], 'weight -1: must be above 0'),
        (['ONE', 'TWO', '--iou-thr', '2'], 'iou_thr=2: must be a number from 0 to 1'),
        (['ONE', 'NONE'], 'NONE: cannot be read (No such file or directory); give a pred.json'),
        (['ONE', 'CSV'], 'CSV: not JSON'),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(files, tmp_path, arguments, said):
    (tmp_path / 'pred.csv').write_text('image_id,pred_label\n1,7\n')
    paths = {'ONE': files[0], 'TWO': files[1], 'NONE': tmp_path / 'none.json', 'CSV': tmp_path / 'pred.csv'}
    done = run(*(paths.get(argument, argument) for argument in arguments), '--out', tmp_path / 'out')
    name = said.partition(':')[0]
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith('error: ' + said.replace(name, str(paths.get(name, name)), 1))
    assert done.stderr.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_an_input_is_not_overwritten(files, tmp_path):
    one = files[0].rename(tmp_path / 'pred.json')
    before = one.read_bytes()
    done = run(one, files[1], '--out', tmp_path)
    assert done.returncode == 2
    assert (
        done.stderr == f'error: {one}: is one of the inputs and would be overwritten; choose another place with --out\n'
    )
    assert one.read_bytes() == before
