"""Comparison of two runs by tools/report.py, without a browser."""

import json

import pytest
from helpers.project import coco, run_tool
from helpers.report_scene import HOSTILE, Page, left_edges, write_photos, write_run, write_scene

from custom.report.comparison import make_comparison
from custom.report.sources import find_sources
from custom.utils.errors import UserError

# The scene's first run reads 11, 53, 34, nothing, 20 and 9 of these; the second one reads 71, 53, 304, 3, 20 and 7.
TRUE = ['71', '5', '304', '8', '20', '9']
SECOND = ['71', '53', '304', '3', '20', '7']


def predict(folder, numbers, true=TRUE):
    """Write the predictions of these numbers, in photos of the scene."""
    boxes = []
    for i, (number, of) in enumerate(zip(numbers, true, strict=True), start=1):
        for digit, left in zip(number, left_edges(number, of), strict=True):
            box = {'image_id': i, 'category_id': int(digit) + 1, 'bbox': [left, 10, 10, 20], 'score': 0.9}
            boxes.append(box)
    folder.mkdir()
    (folder / 'pred.json').write_text(json.dumps(boxes))
    return folder / 'pred.json'


@pytest.fixture
def scene(tmp_path):
    first, ann = write_scene(tmp_path)
    return first, predict(tmp_path / 'second', SECOND), ann


@pytest.fixture
def page(scene):
    first, second, ann = scene
    return Page(make_comparison((find_sources(first, ann), find_sources(second, ann)))[0])


def test_the_counts_and_the_sign_test(page):
    # Won: 71 and 304. Lost: 9. Of 3 changed photos 2 are won: p is 1.
    for text in (
        'Won and lost +1',
        'The second run reads 2 numbers right that the first one reads wrong, '
        'and 1 wrong that the first one reads right.',
        'Both are right on 1 photo and wrong on 2.',
        'Sign test p = 1',
        'number accuracy 0.333 0.097–0.700 0.500',
        '4 of 4 photos whose number differs.',
    ):
        assert text in page.text, text


def test_each_changed_photo_is_shown_with_both_answers(page):
    cards = [(card['data-result'], card['data-text']) for card in page.all('li') if 'data-result' in card]
    assert cards == [
        ('lost', f'{HOSTILE[5]} 9 7 9'),
        ('won', f'{HOSTILE[0]} 11 71 71'),
        ('won', f'{HOSTILE[2]} 34 304 304'),
        ('still wrong', f'{HOSTILE[3]} -1 3 8'),
    ]
    assert len(page.all('image')) == 4
    assert len([use for use in page.all('use') if use['href'].startswith('#photo-')]) == 8  # second and true
    assert len(page.all('script')) == 1 and page.all('img') == []
    ids = page.ids()
    assert len(ids) == len(set(ids))


def test_runs_that_read_alike(scene, tmp_path):
    first, _, ann = scene
    page = Page(make_comparison((find_sources(first, ann), find_sources(first, ann)))[0])
    assert 'No number differs between the runs: both are right on 2 photos' in page.text
    assert 'Sign test p = 1' in page.text
    assert page.all('form') == []


@pytest.mark.integration
def test_the_tool_compares_two_files(scene, tmp_path):
    first, second, ann = scene
    done = run_tool('report.py', first, second, ann)
    assert (done.returncode, done.stderr) == (0, '')
    out = second.with_name('comparison.html')
    assert done.stdout.startswith(
        f'{out}: second against first: 2 won, 1 lost of 6 photos, sign test p = 1; number accuracy 0.333 and 0.500 ('
    )
    assert 'Won and lost' in Page(out.read_text(encoding='utf-8')).text


@pytest.mark.integration
def test_the_tool_compares_two_work_dirs(tmp_path):
    work = write_run(tmp_path)
    other = work.rename(tmp_path / 'first')
    (tmp_path / 'second').mkdir()
    config = (other / 'digits_frcnn_lite.py').read_text()
    (tmp_path / 'second/digits_frcnn_lite.py').write_text(config.replace('max_epochs=7', 'max_epochs=9'))
    predict(tmp_path / 'second/valid', SECOND)
    done = run_tool('report.py', other, tmp_path / 'second', '--out', tmp_path / 'page.html')
    assert done.returncode == 0, done.stderr
    page = Page((tmp_path / 'page.html').read_text(encoding='utf-8'))
    assert 'first and second' in page.text
    assert '- train_cfg.max_epochs = 7 + train_cfg.max_epochs = 9' in page.text


@pytest.mark.parametrize('fault', ['other photos', 'no truth', 'no predictions'])
def test_runs_that_cannot_be_compared(scene, tmp_path, fault):
    first, second, ann = scene
    other = ann
    if fault == 'other photos':
        (tmp_path / 'more').mkdir()
        other = tmp_path / 'more/valid.json'
        truth = json.loads(ann.read_text())
        kept = [image for image in truth['images'] if image['id'] < 6]
        boxes = [box for box in truth['annotations'] if box['image_id'] < 6]
        other.write_text(json.dumps(coco(kept, boxes)))
        predict(tmp_path / 'more/out', SECOND[:5], TRUE[:5])
        second, said = tmp_path / 'more/out/pred.json', 'the runs were tested on different photos'
    elif fault == 'no truth':
        other, said = None, 'a comparison needs ground truth; give its COCO json: report A B ANN'
    else:
        write_photos(tmp_path / 'empty')
        (tmp_path / 'empty/config.py').write_text('a = 1\n')
        second, said = tmp_path / 'empty', 'no predictions to compare'
    with pytest.raises(UserError, match=said):
        make_comparison((find_sources(first, ann), find_sources(second, other)))


@pytest.mark.integration
def test_too_many_arguments_are_one_line(scene):
    first, second, ann = scene
    done = run_tool('report.py', first, second, second.parent, ann)
    assert (done.returncode, done.stdout) == (2, '')
    assert 'one WORK_DIR or PRED_JSON after the first one is enough' in done.stderr
    assert not second.with_name('comparison.html').exists()
