"""A matplotlib plot as SVG that stands inside a page: small, in the page's font, in its light or dark colours."""

import io
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

SVG, XLINK = '{http://www.w3.org/2000/svg}', '{http://www.w3.org/1999/xlink}'
# Drawn in these, seen in the page's: its style sheet says what --ink is in light and in dark.
INK, MUTED, LINE, ACCENT, GOOD, BAD = ('#010101', '#010102', '#010103', '#010104', '#010105', '#010106')
SERIES = ('#010111', '#010112', '#010113', '#010114')
CSS = dict(zip((INK, MUTED, LINE, ACCENT, GOOD, BAD), ('ink', 'muted', 'line', 'accent', 'good', 'bad'), strict=True))
CSS |= {colour: f'series-{i}' for i, colour in enumerate(SERIES, start=1)}
STYLE: dict[Any, Any] = {  # matplotlib's type of a key is a list of all keys
    'svg.fonttype': 'none',  # text stays text
    'font.family': 'DejaVu Sans',  # wider than the page's font: what fits in it fits
    'font.size': 12,
    'text.color': INK,
    'figure.facecolor': 'none',
    'axes.facecolor': 'none',
    'axes.edgecolor': LINE,
    'axes.labelcolor': MUTED,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'xtick.color': LINE,
    'ytick.color': LINE,
    'xtick.labelcolor': MUTED,
    'ytick.labelcolor': MUTED,
    'grid.color': LINE,
    'grid.linewidth': 0.8,
    'xtick.major.size': 0,
    'ytick.major.size': 0,
    'xtick.minor.size': 0,
    'ytick.minor.size': 0,
    'lines.linewidth': 1.8,
    'lines.solid_capstyle': 'round',
    'legend.frameon': False,
}
POINTS_PER_INCH = 72  # in matplotlib's SVG a pixel is a point


def draw(paint: Callable[[Axes], None], name: str, label: str, width: int = 380, height: int = 250) -> Markup:
    """A plot as an `<svg>` element, to be put into an HTML page as it is.

    Args:
        paint: draws on the axes, in the colours of this module.
        name: of the plot, unlike those of the page's others: ids in it begin so.
        label: what the plot shows, for those who do not see it.
        width: in pixels, about as wide as a phone shows it, so that its text can be read there. Defaults to 380.
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
            parent.remove(child)  # its style would be the whole page's
    meant = set(re.findall(r'(?:url\(|href=")#([\w-]+)', text.getvalue()))
    for element in root.iter():
        _tidy(element, meant, name)
    root.attrib = {'viewBox': f'0 0 {width} {height}', 'class': 'plot', 'role': 'img', 'aria-label': label}
    return Markup(ElementTree.tostring(root, encoding='unicode'))


def _tidy(element: ElementTree.Element, meant: set[str], name: str) -> None:
    """Leave out what a page does not need; `meant` are the ids that others speak of."""
    element.tag = element.tag.removeprefix(SVG)
    element.text, element.tail = ((text or '').strip() or None for text in (element.text, element.tail))
    old, element.attrib = element.attrib, {}
    for key, value in old.items():
        if key == 'id':
            value = f'{name}-{value}' if value in meant else ''
        else:
            value = re.sub(r'#([\w-]+)', lambda m: f'#{name}-{m[1]}' if m[1] in meant else m[0], value)
            value = _style(value) if key == 'style' else _numbers(value)
        if value:
            element.set(key.removeprefix(XLINK), value)


def _style(text: str) -> str:
    """Declarations with the page's colours; of the font only the size is left."""
    kept = []
    for declaration in text.split(';'):
        key, _, value = declaration.strip().partition(': ')
        if key == 'font':  # matplotlib before 3.11 says all of it in one
            key, value = 'font-size', value[: value.index('px')].split()[-1] + 'px'
        if not key.startswith('font') or key == 'font-size':
            kept.append(f'{key}:' + (f'var(--{CSS[value]})' if value in CSS else value))
    return ';'.join(kept)


def _numbers(text: str) -> str:
    """An attribute with its numbers to a hundredth of a pixel, without the turn by nothing that each text has."""
    text = re.sub(r'-?\d+\.\d{3,}', lambda m: f'{float(m[0]):.2f}'.rstrip('0').rstrip('.'), text)
    text = re.sub(r'rotate\(-?0 [^)]*\)', '', text)
    return re.sub(r'\s+', ' ', text).strip()
