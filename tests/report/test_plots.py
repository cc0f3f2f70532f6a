import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from custom.report import plots
from custom.report.figures import AnswerCurve, Group, ScoreCurve
from custom.report.plots import ACCENT, CSS, INK, draw
from custom.runs.curves import Scalars


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter('text')]


def curve(*points):
    coverage, accuracy = (np.array(column) for column in zip(*points, strict=True))
    return AnswerCurve(coverage, accuracy, accuracy - 0.1, np.minimum(accuracy + 0.1, 1))


def test_answers_mark_the_coverages():
    points = curve((0.2, 1.0), (0.5, 0.96), (1.0, 0.7))
    assert {'95 %', '99 %'} <= set(texts(plots.answers(points, [0.5, 0.2])))
    assert '95, 99 %' in texts(plots.answers(points, [0.2, 0.2]))
    none = texts(plots.answers(points, [0.0, 0.0]))
    assert not {'95 %', '99 %', '95, 99 %'} & set(none)
    assert '70.0 % at full coverage' in plots.answers(points, [0.5, 0.2])


def test_one_photo_is_a_plot():
    assert texts(plots.answers(curve((1.0, 0.0)), [0, 0]))


def markers(svg):
    """Count the markers of the curves; each one is drawn by a `use`."""
    return len(re.findall('<use ', svg))


def test_a_curve_of_one_point_is_visible():
    point = [{'step': 1, 'loss': 0.5, 'loss_cls': 0.2, 'lr': 0.1}]
    one, two = Scalars(point, []), Scalars([*point, {**point[0], 'step': 2}], [])
    assert markers(plots.losses(one)) == 4 + markers(plots.losses(two))  # two curves, which are in the legend, too
    assert markers(plots.learning_rate(one)) == 1 + markers(plots.learning_rate(two))
    single, double = curve((1.0, 0.5)), curve((0.5, 0.5), (1.0, 0.5))
    assert markers(plots.answers(single, [0, 0])) == 1 + markers(plots.answers(double, [0, 0]))


def test_f1_is_marked_at_the_threshold_of_the_reader():
    thresholds = np.linspace(0, 1, 101)
    scores = ScoreCurve(thresholds, np.ones(101), 1 - thresholds, 1 - thresholds)
    svg = plots.score_thresholds(scores, 0.25)
    assert 'F1 against score threshold: 1.000 at most, at 0.00; 0.750 at the threshold 0.25 of the reader' in svg
    assert {'precision', 'recall', 'F1', '0.25'} <= set(texts(svg))


def test_reliability_lists_its_points():
    svg = plots.reliability(np.array([0.95, 0.95, 0.2]), np.array([True, False, False]))
    assert 'aria-label="Accuracy against confidence: 0 % at 20 %, 50 % at 95 %"' in svg
    assert len(re.findall(r'fill:var\(--accent\)', svg)) == 2  # a dot a bin


def test_confidences():
    svg = plots.confidences(np.array([0.1, 0.9, 0.9]))
    assert 'Histogram of the confidence of 3 answers' in svg and 'photos' in texts(svg)


def test_each_group_has_a_row():
    found = [Group('2 digits', 4, 3), Group('<b>', 1, 0)]
    svg = plots.groups(found, 'length')
    assert {'2 digits', '<b>', '75 %  of 4', '0 %  of 1'} <= set(texts(svg))
    heights = [float(ET.fromstring(plots.groups(found * n, 'x')).get('viewBox').split()[3]) for n in (1, 2)]
    assert heights[1] > heights[0]


def test_precision_recall():
    svg = plots.precision_recall('7', np.linspace(1, 0, 101), np.zeros(101))
    assert 'Precision against recall for 7: average 0.50 at IoU 0.50, 0.00 at 0.75' in svg


def test_training():
    training = [{'step': i, 'loss': 1 / i, 'loss_cls': 0.5 / i, 'lr': 0.1, 'epoch': 1} for i in range(1, 9)]
    scalars = Scalars(training, [{'step': 1, 'number/accuracy': 0.5, 'digits/AP': 0.2}])
    assert {'loss', 'cls', 'step'} <= set(texts(plots.losses(scalars)))
    labels = set(texts(plots.validations(scalars)))
    assert {'number accuracy', 'AP', 'epoch'} <= labels and 'AP50' not in labels
    assert 'step' in texts(plots.validations(scalars._replace(training=[])))
    assert 'Learning rate' in plots.learning_rate(scalars)


@pytest.mark.parametrize('rows', [[], [{'step': 1, 'loss': float('nan')}]])
def test_nothing_logged_is_an_empty_plot(rows):
    for plot in (plots.losses, plots.validations, plots.learning_rate):
        assert plot(Scalars(rows, [])).startswith('<svg')


def paint(axes):
    axes.plot([0, 1, 2], [0, 1, 0.5], color=ACCENT, marker='o')
    axes.fill_between([0, 1], [0, 0], [1, 1], color=ACCENT, alpha=0.2)
    axes.set_title('<b> & "τ"', color=INK)


def test_colours_and_fonts_are_the_pages():
    svg = draw(paint, 'one', 'label')
    assert 'var(--accent)' in svg and 'var(--ink)' in svg and 'var(--line)' in svg
    assert not any(colour in svg for colour in CSS)
    assert 'font-family' not in svg and 'font:' not in svg
    assert re.findall(r'font-size:([\d.]+)px', svg)
    assert '<style' not in svg and 'metadata' not in svg and 'http' not in svg


def test_text_is_text_and_escaped():
    assert '&lt;b&gt; &amp; "τ"</text>' in draw(paint, 'one', 'label')
    root = ET.fromstring(draw(paint, 'one', '"><script>'))
    assert root.get('aria-label') == '"><script>'
    assert root.get('role') == 'img'


def test_ids_are_prefixed_and_referenced():
    ids = {name: set(re.findall(r' id="([^"]+)"', draw(paint, name, ''))) for name in ('one', 'two')}
    assert ids['one'] and not ids['one'] & ids['two']
    svg = draw(paint, 'one', '')
    referenced = set(re.findall(r'url\(#([^)]+)\)', svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert ids['one'] == referenced


def test_size_and_length():
    svg = draw(paint, 'one', '', width=200, height=100)
    assert ET.fromstring(svg).get('viewBox') == '0 0 200 100'
    assert not re.search(r'\d\.\d{3}', svg)
    assert 'rotate(-0' not in svg and '\n' not in svg
    assert len(svg) < 9000


def test_plots_are_reproducible():
    assert draw(paint, 'one', 'x') == draw(paint, 'one', 'x')
