"""tools/report.py and its page, without a browser."""

import json
import re
from pathlib import Path

import pytest
from helpers.project import coco, run_tool
from helpers.report_scene import HOSTILE, Page, write_run, write_scene

from custom.report.html import make_report
from custom.report.sources import find_sources


def report(source: Path, ann: Path | None = None, images: Path | None = None, reader: str | None = None) -> Page:
    return Page(make_report(find_sources(source, ann, images), reader)[0])


@pytest.fixture(scope='module')
def scene(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp('scene'))


@pytest.fixture(scope='module')
def page(scene):
    return report(*scene)


@pytest.mark.integration
def test_the_tool_writes_that_page(scene, page, tmp_path):
    out = tmp_path / 'new' / 'page.html'
    done = run_tool('report.py', *scene, '--out', out)
    assert (done.returncode, done.stderr) == (0, '')
    assert out.read_text(encoding='utf-8') == page.source
    size = f'{out.stat().st_size / 1000:.0f} kB'
    assert done.stdout == f'{out}: number accuracy 0.333 (2 of 6 photos; 95 % interval 0.097-0.700, Wilson) ({size})\n'
    assert [path.name for path in out.parent.iterdir()] == ['page.html']


def test_the_figures(page):
    for text in (
        'pred.json on valid.json',
        '6 photos, 9 boxes.',
        'Number accuracy 33.3 %',
        '2 of 6 whole numbers are right.',
        '4 of 4 wrong numbers, by falling confidence, and 2 of 2 right ones, by rising confidence.',
        'F1 against score threshold',
        'The ground truth has no 6.',
        'Coverage at 95 % accuracy 0.0 %',
        'the gap between confidence and accuracy; 0 is perfect.',
        'wrong digit 1 0.167',
        'inserted (phantom) digit 1 0.167',
        'deleted (missing) digit 2 0.333',
    ):
        assert text in page.text, text


@pytest.mark.integration
def test_figures_equal_those_of_the_console(page, scene):
    said = run_tool('dump_results.py', scene[0], '--ann', scene[1], '--out', scene[0].with_name('again')).stdout
    low, high = re.search(r'2 of 6 photos; 95 % interval (\S+)-(\S+),', said).groups()
    assert f'{100 * float(low):.1f}–{100 * float(high):.1f} %' in page.text
    ap50 = re.search(r'AP50 (\S+) \(([\d.]+)-([\d.]+)\)', said).groups()
    assert f'Boxes: AP50 {ap50[0]} {ap50[1]}–{ap50[2]} COCO' in page.text


def test_the_page_needs_no_other_file(page):
    """Nothing is fetched, and only the page's own script may run."""
    assert page.all('link') == [{'rel': 'icon', 'href': 'data:,'}]
    assert page.all('script') == [{}]
    for _, attributes in page.elements:
        for name in ('src', 'href', 'srcset', 'action', 'data'):
            assert (attributes.get(name) or '#').startswith(('#', 'data:')), attributes
    assert not re.search(r'url\((?!#)|@import', page.source)
    policy = next(meta['content'] for meta in page.all('meta') if 'http-equiv' in meta)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-")


def test_ids_are_unique_and_referenced_ones_exist(page):
    ids = page.ids()
    assert len(ids) == len(set(ids))
    referenced = {a['href'][1:] for _, a in page.elements if (a.get('href') or '').startswith('#')}
    referenced |= set(re.findall(r'url\(#([\w-]+)\)', page.source))
    assert referenced <= set(ids)


def test_names_are_escaped(page):
    assert len(page.all('script')) == 1
    assert page.all('img') == []
    assert page.all('b') and not any('no digit' in text for text in re.findall(r'<b>[^<]*', page.source))
    assert "'<b>no digit</b>'" in page.text  # a class that is none, in the notes
    texts = [card['data-text'] for card in page.all('li') if 'data-text' in card]
    numbers = {3: '-1 8', 0: '11 71', 1: '53 5', 2: '34 304', 4: '20 20', 5: '9 9'}
    assert texts == [f'{HOSTILE[i]} {said}' for i, said in numbers.items()]
    assert not any(name.startswith('on') for _, attributes in page.elements for name in attributes)
    for name in HOSTILE[:4]:
        assert ' '.join(name.split()) in page.text


def test_cards_have_the_attributes_of_the_filters(page):
    cards = [card for card in page.all('li') if 'data-text' in card]
    assert [card['data-result'] for card in cards] == ['wrong'] * 4 + ['right'] * 2
    cards = cards[:4]
    assert [card['data-kinds'] for card in cards] == ['missing nothing', 'wrong', 'phantom', 'missing']
    assert [card['data-length'] for card in cards] == ['1', '2', '1', '3']
    assert [card['data-confused'].strip() for card in cards] == ['8-10', '7-1', '10-3', '0-10']
    sure = [float(card['data-sure']) for card in cards]
    assert sure == pytest.approx([100, 99**2 / 100, 81, 64])  # the photo without a box is surely empty


def test_boxes_read_and_ground_truth_are_drawn(page):
    images = page.all('image')
    assert len(images) == 6 == len([use for use in page.all('use') if use['href'].startswith('#photo-')])
    assert all(image['href'].startswith('data:image/jpeg;base64,') for image in images)
    # read 11, 53, 34, nothing, 20 and 9; true 71, 5, 304, 8, 20 and 9
    kinds = [group.get('class') for group in page.all('g') if group.get('class')]
    assert kinds.count('wrong') == 2 + 1 + 1 + 1  # 7 as 1 on both sides, an insertion, two deletions
    assert kinds.count('right') == 2 + 2 + 4 + 2 * 3


def test_the_confusion_matrix(page):
    buttons = {button['data-confused']: button['title'] for button in page.all('button') if 'data-confused' in button}
    assert buttons == {
        '7-1': '7 read as 1: 1',
        '10-3': '3 inserted (phantom): 1',
        '0-10': '0 deleted (missing): 1',
        '8-10': '8 deleted (missing): 1',
    }


def test_no_wrong_number(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    found = json.loads(ann.read_text())['annotations']
    pred_json.write_text(json.dumps([box | {'score': 0.9} for box in found]))
    page = report(pred_json, ann)
    assert 'No wrong number: all 6 are right.' in page.text
    assert 'Number accuracy 100.0' in page.text
    assert '0 of 0 wrong numbers, by falling confidence, and 6 of 6 right ones' in page.text
    assert len(page.all('image')) == 6
    checked = [radio['value'] for radio in page.all('input') if radio.get('name') == 'result' and 'checked' in radio]
    assert checked == ['right']


def test_no_prediction_at_all(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    pred_json.write_text('[]')
    page = report(pred_json, ann)
    assert f'{pred_json} has no box on any photo.' in page.text
    assert 'Number accuracy 0.0' in page.text
    assert '6 of 6 wrong numbers' in page.text
    page = report(pred_json)
    for reason in (
        'There is no photo.',
        'Confidence of the answers Unknown. No number was read.',
        'Accuracy, calibration, groups, confusions and AP need ground truth: give a COCO json as ANN.',
        'There are no training curves. The predictions are not in the work dir of a training run.',
    ):
        assert reason in page.text, reason


def test_without_truth(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    page = report(pred_json)
    assert 'There is no ground truth (no ANN is given)' in page.text
    assert 'Photos with a number 5 of 5' in page.text
    assert (
        '5 of 5 photos, by rising confidence. The photos were not found; give their folder with --images.' in page.text
    )
    images = json.loads(ann.read_text())['images']
    ann.write_text(json.dumps(coco(images, [])))
    page = report(pred_json, ann)
    assert f'There is no ground truth ({ann} has no boxes)' in page.text
    assert 'Photos with a number 5 of 6' in page.text
    assert len(page.all('image')) == 6
    assert 'instead of' not in page.text
    assert not any('plain' not in group['class'] for group in page.all('g') if 'class' in group)


def test_missing_photos(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    (tmp_path / 'valid' / HOSTILE[1]).unlink()
    (tmp_path / 'valid' / HOSTILE[2]).write_text('no photo')
    page = report(pred_json, ann)
    assert '2 of the photos cannot be shown.' in page.text
    assert 'no such file' in page.text and 'is not a photo that can be read' in page.text
    assert 'Contrast of neighbouring pixels, at one size; 4 of 6 photos.' in page.text
    assert len(page.all('image')) == 4
    (tmp_path / 'valid').rename(tmp_path / 'elsewhere')
    page = report(pred_json, ann)
    assert 'The photos were not found: give their folder with --images.' in page.text
    assert 'By sharpness Unknown. No photo could be read.' in page.text
    assert page.all('image') == []
    assert (
        len([rect for rect in page.all('rect') if rect.get('class') == 'empty']) == 12
    )  # boxes are drawn all the same
    page = report(pred_json, ann, tmp_path / 'elsewhere')
    assert len(page.all('image')) == 4


def test_the_reader_beside_the_predictions_is_used(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    pred_json.with_name('reader.json').write_text('{"number": {"score_thr": 0.96}}')
    assert 'Reader: score threshold 0.96 from' in report(pred_json, ann).text
    assert 'Reader: score threshold 0.6 from the defaults' in report(pred_json, ann, reader='none').text
    assert '1 of 6 whole numbers are right.' in report(pred_json, ann).text


def test_a_name_that_is_no_utf_8(tmp_path):
    pred_json, ann = write_scene(tmp_path)
    (tmp_path / 'valid' / HOSTILE[1]).rename(tmp_path / 'valid' / 'caf\udce9.png')
    ann.write_text(ann.read_text().replace(json.dumps(HOSTILE[1])[1:-1], 'caf\\udce9.png'))
    page = report(pred_json, ann)
    assert 'caf\\udce9.png 53 5' in [card.get('data-text') for card in page.all('li')]
    assert len(page.all('image')) == 6


def test_the_gallery_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr('custom.report.gallery.MOST_CARDS', 3)
    sources = find_sources(*write_scene(tmp_path))
    said = ' '.join(make_report(sources)[0].split())
    assert '3 of 4 wrong numbers, by falling confidence, and 2 of 2 right' in said
    assert '1 more are left out, so that a phone can open this file.' in said
    monkeypatch.setattr('custom.report.gallery.MOST_BYTES', 1000)
    monkeypatch.setattr('custom.report.html.RIGHT_CARDS', 1)
    assert '1 of 4 wrong numbers, by falling confidence, and 1 of 2 right' in ' '.join(make_report(sources)[0].split())


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['gone'], 'gone: no such file or folder; give a work dir, or a pred.json'),
        (['EMPTY'], 'is no work dir: no config, no log and no pred.json; name one, or a pred.json'),
        (['PRED', 'gone.json'], 'gone.json: no such file'),
        (['PRED', 'ANN', '--images', 'gone'], 'gone: no such folder; give the folder of the photos with --images'),
        (['PRED', 'ANN', '--out', 'PRED'], 'must end in .html'),
        (['PRED', 'ANN', '--out', 'ANN/r.html'], 'cannot write here'),
        (['PRED', 'ANN', '--score-thr', '7'], 'score_thr=7.0: must be a number from 0 to 1'),
        (['PRED', 'EMPTY'], 'is no work dir'),
    ],
)
@pytest.mark.integration
def test_wrong_arguments(tmp_path, arguments, said):
    pred_json, ann = write_scene(tmp_path)
    (tmp_path / 'EMPTY').mkdir()
    places = {'PRED': str(pred_json), 'ANN': str(ann), 'EMPTY': str(tmp_path / 'EMPTY')}
    before = sorted(tmp_path.rglob('*'))
    words = [re.sub('^(PRED|ANN|EMPTY)', lambda m: places[m[0]], word) for word in arguments]
    done = run_tool('report.py', *words)
    assert (done.returncode, done.stdout) == (2, '')
    assert said in done.stderr and 'Traceback' not in done.stderr
    assert sorted(tmp_path.rglob('*')) == before


@pytest.mark.integration
def test_the_default_output_is_beside_the_predictions(tmp_path):
    pred_json, _ = write_scene(tmp_path)
    done = run_tool('report.py', pred_json)
    assert done.stdout.startswith(
        f'{pred_json.with_name("report.html")}: a number read on 5 of 5 photos; right or wrong is unknown without ANN ('
    )
    assert sorted(path.name for path in pred_json.parent.iterdir()) == ['pred.json', 'report.html']


def test_a_work_dir(tmp_path):
    page = report(write_run(tmp_path))
    for text in (
        'work <dir> on valid.json',
        '2 of 6 whole numbers are right.',
        'Validation',
        'Learning rate',
        'Seed 0',
        'Trained 2026-01-01 08:00:00 to 2026-01-01 09:30:05 (1:30:05 h)',
        'Resumed 2026-01-02 08:00:00 to 2026-01-02 08:10:00 (0:10:00 h)',
        'digits_frcnn_lite.py inherits from ./digits_frcnn.py.',
        '- train_cfg.max_epochs = 12 + train_cfg.max_epochs = 7',
        'command tools/train.py "<b>" xxx',
    ):
        assert text in page.text, text


@pytest.mark.integration
def test_a_work_dir_without_scalars_predictions_or_a_known_config(tmp_path):
    work = write_run(tmp_path)
    for path in work.glob('*/vis_data/*'):
        path.unlink()
    (work / 'digits_frcnn_lite.py').rename(work / 'mine.py')
    page = report(work)
    assert f'There are no training curves. {work} has no training scalars (vis_data/*.json).' in page.text
    assert 'The config is not shown as a difference from its base' in page.text
    assert 'The whole config' in page.text
    assert '2 of 6 whole numbers are right.' in page.text
    (work / 'valid' / 'pred.json').unlink()
    page = report(work)
    assert 'There are no predictions in this work dir: make some by tools/test.py' in page.text
    assert 'There are no predictions, so there are no figures and no photos.' in page.text
    assert {'figures', 'run'} == {'figures', 'gallery', 'run'} & set(page.ids())
    done = run_tool('report.py', work)
    assert done.stdout.startswith(f'{work}/report.html: no predictions (')
