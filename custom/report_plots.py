"""The plots of the HTML report, each as wide as a phone shows it."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from custom.calibration import reliability_curve
from custom.inline_svg import ACCENT, BAD, GOOD, INK, LINE, MUTED, SERIES, draw
from custom.matching import RECALLS
from custom.number_figures import COVERED_AT
from custom.report_figures import AnswerCurve
from custom.report_groups import Group
from custom.training_curves import Scalars, series

SMALL = 9  # size of a plot's least text, in pixels


def _shares(axes: Axes, which: str) -> None:
    """Axes from 0 to 100 %, `which` of 'x', 'y' and 'xy', with a grid."""
    for name in which:
        axis = axes.xaxis if name == 'x' else axes.yaxis
        axis.set_major_formatter(PercentFormatter(1, 0, ' %'))
        axis.set_ticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid()
    axes.set_axisbelow(True)


def answers(curve: AnswerCurve, coverages: Sequence[float]) -> Markup:
    """Accuracy against coverage; `coverages` go with COVERED_AT."""
    lowest = min(float(np.nanmin(curve.low)), float(curve.accuracy.min()))

    def paint(axes: Axes) -> None:
        axes.fill_between(curve.coverage, curve.low, curve.high, color=ACCENT, alpha=0.18, linewidth=0)
        axes.plot(curve.coverage, curve.accuracy, color=ACCENT)
        for covered in sorted({*coverages} - {0}):
            names = ', '.join(
                f'{100 * at:.0f}' for at, own in zip(COVERED_AT, coverages, strict=True) if own == covered
            )
            place = covered, float(np.interp(covered, curve.coverage, curve.accuracy))
            axes.plot(*place, 'o', color=INK, markersize=5)
            axes.annotate(f'{names} %', place, (6, 5), textcoords='offset points', color=INK)
        _shares(axes, 'xy')
        axes.set(xlim=(0, 1.01), ylim=(max(np.floor(10 * lowest) / 10 - 0.02, 0), 1.01))
        axes.set(xlabel='photos answered, the surest first', ylabel='of those right')

    label = f'Accuracy against coverage: of all photos {100 * curve.accuracy[-1]:.1f} % are right'
    return draw(paint, 'answers', label)


def reliability(confidences: np.ndarray, right: np.ndarray) -> Markup:
    """How often answers are right, by the confidence that they were given with."""
    bins = reliability_curve(confidences, right)
    areas = [20 + 380 * point.photos / len(right) for point in bins]

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.scatter([b.confidence for b in bins], [b.accuracy for b in bins], areas, color=ACCENT, alpha=0.75)
        _shares(axes, 'xy')
        axes.set(xlim=(-0.03, 1.06), ylim=(-0.03, 1.06), xlabel='confidence said', ylabel='right')

    points = ', '.join(f'{100 * b.confidence:.0f} % said, {100 * b.accuracy:.0f} % right' for b in bins)
    return draw(paint, 'reliability', f'Confidence against accuracy: {points}')


def confidences(values: np.ndarray) -> Markup:
    """How sure the answers are, where it is not known which are right."""

    def paint(axes: Axes) -> None:
        axes.hist(values, np.linspace(0, 1, 21).tolist(), color=ACCENT, rwidth=0.9)
        _shares(axes, 'x')
        axes.grid(False, axis='x')
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(xlim=(0, 1), xlabel='confidence said', ylabel='photos')

    return draw(paint, 'confidences', f'Histogram of the confidence of {len(values)} answers')


def groups(found: Sequence[Group], name: str) -> Markup:
    """The accuracy of each group with its interval; `name` says what the groups differ in."""

    def paint(axes: Axes) -> None:
        for row, group in enumerate(found):
            axes.plot(group.interval, [row, row], color=ACCENT, linewidth=5, alpha=0.3)
            axes.plot([group.accuracy], [row], 'o', color=ACCENT, markersize=7)
            said = f'{100 * group.accuracy:.0f} %  of {group.photos}'
            axes.annotate(said, (1, row), (10, 0), textcoords='offset points', va='center', annotation_clip=False)
        _shares(axes, 'x')
        axes.grid(False, axis='y')
        axes.set(xlim=(-0.02, 1.02), ylim=(len(found) - 0.4, -0.6))
        axes.set_yticks(range(len(found)), [group.name for group in found])
        axes.tick_params(axis='y', labelcolor=INK)
        axes.spines['left'].set_visible(False)

    said = ', '.join(f'{group.name} {100 * group.accuracy:.0f} % of {group.photos}' for group in found)
    return draw(paint, f'by-{name}', f'Accuracy by {name}: {said}', height=46 + 30 * len(found))


def precision_recall(name: str, at_50: np.ndarray, at_75: np.ndarray) -> Markup:
    """Precision at COCO's recalls for one digit, at an IoU of 0.50 and of 0.75."""

    def paint(axes: Axes) -> None:
        axes.fill_between(RECALLS, at_50, color=ACCENT, alpha=0.14, linewidth=0)
        axes.plot(RECALLS, at_75, color=MUTED, linewidth=1.2, linestyle=(0, (3, 2)))
        axes.plot(RECALLS, at_50, color=ACCENT)
        axes.set(xlim=(0, 1.01), ylim=(0, 1.03), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.set_xticklabels(['0', '', '1'])
        axes.set_yticklabels(['0', '', '1'])
        axes.grid()
        axes.set_axisbelow(True)

    label = f'Precision against recall for {name}: average {at_50.mean():.2f} at IoU 0.50, {at_75.mean():.2f} at 0.75'
    return draw(paint, f'digit-{name}', label, width=170, height=120)


def losses(scalars: Scalars) -> Markup:
    """The loss and its parts."""
    logged = {name for row in scalars.training for name in row if name.startswith('loss')}
    names = sorted(logged, key=lambda name: (name != 'loss', name))

    def paint(axes: Axes) -> None:
        for name, colour in zip(names[1 : len(SERIES) + 1], SERIES, strict=False):
            axes.plot(*series(scalars.training, name), color=colour, linewidth=1.2, label=name.removeprefix('loss_'))
        axes.plot(*series(scalars.training, 'loss'), color=INK, label='loss')
        axes.set_ylim(bottom=0)
        _steps(axes, 'step')

    return draw(paint, 'losses', 'Loss by step')


def validations(scalars: Scalars) -> Markup:
    """The figures measured on the validation photos while training."""
    shown = {'number/accuracy': ('number accuracy', ACCENT), 'digits/AP50': ('AP50', GOOD), 'digits/AP': ('AP', BAD)}

    def paint(axes: Axes) -> None:
        for name, (label, colour) in shown.items():
            steps, values = series(scalars.validation, name)
            if steps:
                axes.plot(steps, values, color=colour, marker='o', markersize=3.5, label=label)
        axes.set_ylim(0, 1.02)
        _steps(axes, 'epoch' if scalars.by_epoch else 'step')

    return draw(paint, 'validations', 'Number accuracy and average precision on the validation photos')


def learning_rate(scalars: Scalars) -> Markup:
    """The learning rate."""

    def paint(axes: Axes) -> None:
        axes.plot(*series(scalars.training, 'lr'), color=ACCENT, label='learning rate')
        axes.ticklabel_format(axis='y', style='sci', scilimits=(-2, 3), useMathText=False)
        axes.set_ylim(bottom=0)
        _steps(axes, 'step')

    return draw(paint, 'learning-rate', 'Learning rate by step')


def _steps(axes: Axes, unit: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel(unit)
    axes.grid()
    axes.set_axisbelow(True)
    if len(axes.lines) > 1:
        axes.legend(loc='upper center', bbox_to_anchor=(0.5, 1.2), ncols=3, fontsize=SMALL + 1, handlelength=1.2)
    axes.spines['bottom'].set_color(LINE)
