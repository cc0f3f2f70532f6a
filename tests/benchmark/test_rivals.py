"""custom/benchmark/rivals.py: readers of the benchmark of domains."""

import importlib.util

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from custom.benchmark import rivals
from custom.benchmark.compare_domains import open_readers
from custom.benchmark.rivals import OPENERS, Answer, digits_of_lines, names_of_ours
from custom.utils.errors import UserError


@pytest.mark.parametrize(
    ('lines', 'numbers', 'confidence'),
    [
        ([('42', 0.9)], ('42',), 0.9),
        ([('No.4 2', 0.9), ('EXIT', 0.99)], ('42',), 0.9),
        ([('4', 0.3), ('2', 0.8)], ('4', '2', '42'), 0.8),
        ([('07', 0.3), ('07', 0.8)], ('07', '0707'), 0.8),
        ([('EXIT', 0.9)], (), 0),
        ([('\u0664\u0662', 0.9)], (), 0),  # Arabic-Indic digits
        ([], (), 0),
    ],
)
def test_each_line_and_all_lines_are_readings(lines, numbers, confidence):
    texts, scores = [text for text, _ in lines], [score for _, score in lines]
    assert digits_of_lines(texts, scores) == Answer(numbers, confidence)


def test_weights_have_names_of_their_own(tmp_path):
    assert names_of_ours([]) == {'ours': None}
    assert names_of_ours(['a/x.pth', 'b/y.pth']) == {'ours: x': 'a/x.pth', 'ours: y': 'b/y.pth'}
    assert list(names_of_ours(['a/x.pth', 'b/x.pth'])) == ['ours: a/x.pth', 'ours: b/x.pth']
    with pytest.raises(UserError, match='give each file once'):
        names_of_ours(['a/x.pth', './a/x.pth'])


@pytest.fixture
def no_model(monkeypatch):
    monkeypatch.setattr('custom.benchmark.compare_domains.open_ours', lambda path: path)

    def missing():
        raise UserError('tesseract: cannot be started (gone); pip install it')

    monkeypatch.setattr('custom.benchmark.compare_domains.OPENERS', dict.fromkeys(OPENERS, missing))


def test_a_missing_baseline_is_left_out_unless_it_is_named(no_model, capsys):
    assert list(open_readers([], [])) == ['ours']
    assert capsys.readouterr().err.count('note: tesseract: cannot be started (gone); pip install it; left out') == 3
    with pytest.raises(UserError, match='cannot be started'):
        open_readers([], ['tesseract'])
    with pytest.raises(UserError, match='--against easyocr: no such baseline here; there are rapidocr'):
        open_readers([], ['easyocr'])
    assert list(open_readers(['a.pth'], ['none'])) == ['ours: a']


def number_photo():
    image = Image.new('RGB', (200, 80), 'white')
    ImageDraw.Draw(image).text((30, 10), '4207', 'black', ImageFont.load_default(56))
    return np.asarray(image)


@pytest.mark.parametrize('name', list(rivals.BASELINES))
def test_an_installed_baseline_reads_a_printed_number(name):
    package = 'pytesseract' if name == 'tesseract' else 'rapidocr'
    if importlib.util.find_spec(package) is None:
        with pytest.raises(UserError, match=rf'^{package[-9:]}.*: cannot be .*pip install {package}'):
            OPENERS[name]()
        pytest.skip(f'{package} is not installed')
    try:
        read = OPENERS[name]()
    except UserError as error:
        pytest.skip(str(error))
    assert '4207' in read(number_photo()).numbers
