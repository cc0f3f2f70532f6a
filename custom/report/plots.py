"""Plots of the HTML report, as wide as a phone."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..evaluation.average_precision import RECALLS
from ..evaluation.number_accuracy import COVERED_AT, reliability_curve
from ..runs.curves import Scalars, series
from ..utils.estimates import wilson
from .figures import AnswerCurve, Group, ScoreCurve

SVG, XLINK = '{http://www.w3.org/2000/svg}', '{http://www.w3.org/1999/xlink}'
# Placeholders for the page's colours, which its style sheet defines for light and dark.
INK, MUTED, LINE, ACCENT, GOOD, BAD = ('#010101', '#010102', '#010103', '#010104', '#010105', '#010106')
SERIES = ('#010111', '#010112', '#010113', '#010114')
CSS = dict(zip((INK, MUTED, LINE, ACCENT, GOOD, BAD), ('ink', 'muted', 'line', 'accent', 'good', 'bad'), strict=True))
CSS |= {colour: f'series-{i}' for i, colour in enumerate(SERIES, start=1)}
STYLE: dict[Any, Any] = {  # matplotlib's type of a key is a list of all keys
    'svg.fonttype': 'none',  # text elements, not outlines
    'font.family': 'DejaVu Sans',  # wider than the page's font, so that text fits
    'font.size': 12,
    'text.color': INK,
    **dict.fromkeys(('axes.labelcolor', 'xtick.labelcolor', 'ytick.labelcolor'), MUTED),
    **dict.fromkeys(('axes.edgecolor', 'xtick.color', 'ytick.color', 'grid.color'), LINE),
    **dict.fromkeys(('figure.facecolor', 'axes.facecolor'), 'none'),
    **dict.fromkeys(('axes.spines.top', 'axes.spines.right', 'legend.frameon'), False),
    **dict.fromkeys(('axes.axisbelow', 'axes.grid'), True),
    **dict.fromkeys(('xtick.major.size', 'ytick.major.size', 'xtick.minor.size', 'ytick.minor.size'), 0),
    'grid.linewidth': 0.8,
    'lines.linewidth': 1.8,
    'lines.solid_capstyle': 'round',
}
POINTS_PER_INCH = 72  # a pixel is a point in matplotlib's SVG


def draw(paint: Callable[[Axes], None], name: str, label: str, width: int = 380, height: int = 250) -> Markup:
    """Draw a plot as an `<svg>` element for an HTML page.

    Args:
        paint: draws on the axes, in the colours of this module.
        name: unique on the page; prefix of the ids.
        label: the text for screen readers.
        width: in pixels. Defaults to 380, about a phone's width, for readable text.
        height: in pixels. Defaults to 250.
    """
    text = io.StringIO()
    with matplotlib.rc_context(STYLE | {'svg.hashsalt': name}):
        figure = Figure((width / POINTS_PER_INCH, height / POINTS_PER_INCH), layout='constrained')
        paint(figure.add_subplot())
        FigureCanvasSVG(figure).print_svg(text, metadata={'Date': None})
    root = ElementTree.fromstring(text.getvalue())
    for parent in list(root.iter()):
        for child in [child for child in parent if re.search('}(metadata|style)$', child.tag)]:
            parent.remove(child)  # a style element would apply to the whole page
    referenced = set(re.findall(r'(?:url\(|href=")#([\w-]+)', text.getvalue()))
    for element in root.iter():
        _tidy(element, referenced, name)
    root.attrib = {'viewBox': f'0 0 {width} {height}', 'class': 'plot', 'role': 'img', 'aria-label': label}
    return Markup(ElementTree.tostring(root, encoding='unicode'))


def _tidy(element: ElementTree.Element, referenced: set[str], name: str) -> None:
    """Remove whitespace, unreferenced ids and superfluous decimals; prefix referenced ids with the plot's name."""
    element.tag = element.tag.removeprefix(SVG)
    element.text, element.tail = ((text or '').strip() or None for text in (element.text, element.tail))
    old, element.attrib = element.attrib, {}
    for key, value in old.items():
        if key == 'id':
            value = f'{name}-{value}' if value in referenced else ''
        else:
            value = re.sub(r'#([\w-]+)', lambda m: f'#{name}-{m[1]}' if m[1] in referenced else m[0], value)
            value = _style(value) if key == 'style' else _numbers(value)
        if value:
            element.set(key.removeprefix(XLINK), value)


def _style(text: str) -> str:
    """Replace the colours by the page's, and drop font declarations but for the size."""
    kept = []
    for declaration in text.split(';'):
        key, _, value = declaration.strip().partition(': ')
        if key == 'font':  # matplotlib before 3.11: one shorthand declaration
            key, value = 'font-size', value[: value.index('px')].split()[-1] + 'px'
        if not key.startswith('font') or key == 'font-size':
            kept.append(f'{key}:' + (f'var(--{CSS[value]})' if value in CSS else value))
    return ';'.join(kept)


def _numbers(text: str) -> str:
    """Round the numbers of an attribute to a hundredth of a pixel, and drop rotations by 0."""
    text = re.sub(r'-?\d+\.\d{3,}', lambda m: f'{float(m[0]):.2f}'.rstrip('0').rstrip('.'), text)
    return ' '.join(re.sub(r'rotate\(-?0 [^)]*\)', '', text).split())


def _shares(*axes: Axis) -> None:
    """Label axes from 0 to 100 %."""
    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1, 0, ' %'))
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])


def answers(curve: AnswerCurve, coverages: Sequence[float]) -> Markup:
    """Plot accuracy against coverage, with marks at the `coverages` of COVERED_AT."""
    lowest = min(float(np.nanmin(curve.low)), float(curve.accuracy.min()))

    def paint(axes: Axes) -> None:
        axes.fill_between(curve.coverage, curve.low, curve.high, color=ACCENT, alpha=0.18, linewidth=0)
        axes.plot(curve.coverage, curve.accuracy, color=ACCENT, marker=_marker(curve.coverage))
        for covered in sorted({*coverages} - {0}):
            marked = zip(COVERED_AT, coverages, strict=True)
            names = ', '.join(f'{100 * at:.0f}' for at, own in marked if own == covered)
            point = covered, float(np.interp(covered, curve.coverage, curve.accuracy))
            axes.plot(*point, 'o', color=INK, markersize=5)
            axes.annotate(f'{names} %', point, (6, 5), textcoords='offset points', color=INK)
        _shares(axes.xaxis, axes.yaxis)
        axes.set(xlim=(0, 1.01), ylim=(max(np.floor(10 * lowest) / 10 - 0.02, 0), 1.01))
        axes.set(xlabel='coverage, by falling confidence', ylabel='accuracy')

    return draw(paint, 'answers', f'Accuracy against coverage: {100 * curve.accuracy[-1]:.1f} % at full coverage')


def reliability(confidences: np.ndarray, right: np.ndarray) -> Markup:
    """Plot accuracy against confidence, with Wilson's interval of each bin."""
    bins = reliability_curve(confidences, right)
    ends = wilson([b.accuracy * b.photos for b in bins], [b.photos for b in bins])
    areas = [20 + 380 * point.photos / len(right) for point in bins]

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.vlines([b.confidence for b in bins], *ends, color=ACCENT, linewidth=5, alpha=0.3)
        axes.scatter([b.confidence for b in bins], [b.accuracy for b in bins], areas, color=ACCENT, alpha=0.75)
        _shares(axes.xaxis, axes.yaxis)
        axes.set(xlim=(-0.03, 1.06), ylim=(-0.03, 1.06), xlabel='confidence', ylabel='accuracy')

    points = ', '.join(f'{100 * b.accuracy:.0f} % at {100 * b.confidence:.0f} %' for b in bins)
    return draw(paint, 'reliability', f'Accuracy against confidence: {points}')


def confidences(values: np.ndarray) -> Markup:
    """Plot a histogram of the confidence."""

    def paint(axes: Axes) -> None:
        axes.hist(values, np.linspace(0, 1, 21).tolist(), color=ACCENT, rwidth=0.9)
        _shares(axes.xaxis)
        axes.grid(False, axis='x')
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(xlim=(0, 1), xlabel='confidence', ylabel='photos')

    return draw(paint, 'confidences', f'Histogram of the confidence of {len(values)} answers')


def groups(rows: Sequence[Group], name: str) -> Markup:
    """Plot the accuracy of each group with its interval; `name` is the property that groups the photos."""

    def paint(axes: Axes) -> None:
        for row, group in enumerate(rows):
            axes.plot(group.accuracy[1:], [row, row], color=ACCENT, linewidth=5, alpha=0.3)
            axes.plot([group.accuracy.value], [row], 'o', color=ACCENT, markersize=7)
            text = f'{100 * group.accuracy.value:.0f} %  of {group.photos}'
            axes.annotate(text, (1, row), (10, 0), textcoords='offset points', va='center', annotation_clip=False)
        _shares(axes.xaxis)
        axes.grid(False, axis='y')
        axes.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.4, -0.6))
        axes.set_yticks(range(len(rows)), [group.name for group in rows])
        axes.tick_params(axis='y', labelcolor=INK)
        axes.spines['left'].set_visible(False)

    texts = ', '.join(f'{group.name} {100 * group.accuracy.value:.0f} % of {group.photos}' for group in rows)
    return draw(paint, f'by-{name}', f'Accuracy by {name}: {texts}', height=46 + 30 * len(rows))


def precision_recall(name: str, at_50: np.ndarray, at_75: np.ndarray) -> Markup:
    """Plot precision at COCO's recalls for one digit, at an IoU of 0.50 and of 0.75."""

    def paint(axes: Axes) -> None:
        axes.fill_between(RECALLS, at_50, color=ACCENT, alpha=0.14, linewidth=0)
        axes.plot(RECALLS, at_75, color=MUTED, linewidth=1.2, linestyle=(0, (3, 2)))
        axes.plot(RECALLS, at_50, color=ACCENT)
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.set(xticklabels=['0', '', '1'], yticklabels=['0', '', '1'])

    label = f'Precision against recall for {name}: average {at_50.mean():.2f} at IoU 0.50, {at_75.mean():.2f} at 0.75'
    return draw(paint, f'digit-{name}', label, width=170, height=120)


def score_thresholds(curve: ScoreCurve, used: float) -> Markup:
    """Plot F1, precision and recall of the boxes against the score threshold, with a mark at the threshold in use."""
    best = int(curve.f1.argmax())

    def paint(axes: Axes) -> None:
        axes.plot(
            curve.thresholds, curve.precision, color=GOOD, linewidth=1.2, linestyle=(0, (4, 2)), label='precision'
        )
        axes.plot(curve.thresholds, curve.recall, color=BAD, linewidth=1.2, linestyle=(0, (1, 1.5)), label='recall')
        axes.plot(curve.thresholds, curve.f1, color=ACCENT, label='F1')
        axes.axvline(used, color=MUTED, linewidth=1)
        axes.annotate(f'{used:.2f}', (used, 0), (4, 4), textcoords='offset points', color=INK)
        axes.set(xlim=(0, 1), ylim=(0, 1.03), xlabel='score threshold')
        _legend(axes)

    label = f'F1 against score threshold: {curve.f1[best]:.3f} at most, at {curve.thresholds[best]:.2f}'
    return draw(paint, 'f1', f'{label}; {curve.at(used):.3f} at the threshold {used:.2f} of the reader')


def losses(scalars: Scalars) -> Markup:
    """Plot the loss and its parts."""
    logged = {name for row in scalars.training for name in row if name.startswith('loss')}
    names = sorted(logged, key=lambda name: (name != 'loss', name))

    def paint(axes: Axes) -> None:
        for name, colour in zip(names[1 : len(SERIES) + 1], SERIES, strict=False):
            steps, values = series(scalars.training, name)
            label = name.removeprefix('loss_')
            axes.plot(steps, values, color=colour, linewidth=1.2, marker=_marker(steps), label=label)
        steps, values = series(scalars.training, 'loss')
        axes.plot(steps, values, color=INK, marker=_marker(steps), label='loss')
        axes.set_ylim(bottom=0)
        _steps(axes, 'step')

    return draw(paint, 'losses', 'Loss by step')


def validations(scalars: Scalars) -> Markup:
    """Plot the validation figures during training."""
    shown = {'number/accuracy': ('number accuracy', ACCENT), 'digits/AP50': ('AP50', GOOD), 'digits/AP': ('AP', BAD)}

    def paint(axes: Axes) -> None:
        for name, (label, colour) in shown.items():
            steps, values = series(scalars.validation, name)
            if steps:
                axes.plot(steps, values, color=colour, marker='o', markersize=3.5, label=label)
        axes.set_ylim(0, 1.02)
        _steps(axes, 'epoch' if scalars.by_epoch else 'step')

    return draw(paint, 'validations', 'Number accuracy and average precision in validation')


def learning_rate(scalars: Scalars) -> Markup:
    """Plot the learning rate."""

    def paint(axes: Axes) -> None:
        steps, values = series(scalars.training, 'lr')
        axes.plot(steps, values, color=ACCENT, marker=_marker(steps), label='learning rate')
        axes.ticklabel_format(axis='y', style='sci', scilimits=(-2, 3), useMathText=False)
        axes.set_ylim(bottom=0)
        _steps(axes, 'step')

    return draw(paint, 'learning-rate', 'Learning rate by step')


def _marker(points: Sequence[Any] | np.ndarray) -> str:
    """Return the marker of a curve: a line of one point would be invisible."""
    return 'o' if len(points) == 1 else ''


def _legend(axes: Axes) -> None:
    axes.legend(loc='upper center', bbox_to_anchor=(0.5, 1.2), ncols=3, fontsize=10, handlelength=1.6)


def _steps(axes: Axes, unit: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel(unit)
    if len(axes.lines) > 1:
        _legend(axes)
    axes.spines['bottom'].set_color(LINE)
