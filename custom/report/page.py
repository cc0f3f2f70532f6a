"""Rendering of the HTML report as one file without external resources; templates/ has its layout."""

import base64
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..utils.estimates import Estimate
from ..utils.files import real_path
from .gallery import Card
from .sources import Sources

TEMPLATES = Path(__file__).with_name('templates')
NO_BREAK = '\N{NO-BREAK SPACE}'


def render_page(page: Mapping[str, Any], template: str = 'report.html.j2') -> str:
    """Render the page; all text is escaped, and a content security policy allows the page's own script alone.

    Args:
        page: values by the names in the template.
        template: a file of templates/. Defaults to 'report.html.j2'.
    """
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {'percent': _percent, 'interval': _interval, 'kinds': _kinds}
    script = (TEMPLATES / 'report.js').read_text(encoding='utf-8')
    if 'sources' in page:
        defaults: dict[str, object] = {'run': None, 'curves': [], 'judged': False, 'page_title': title(page['sources'])}
        page = {**defaults, **page}
        page['sections'] = _sections(page)
    html = environment.get_template(template).render(
        page,
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return html.encode('utf-8', 'backslashreplace').decode()  # for file names that are not UTF-8


def title(sources: Sources) -> str:
    """Name a run and its photos."""
    run = real_path(sources.run_dir).name if sources.run_dir else ''
    if not sources.pred_json:
        return run
    return f'{run or "pred.json"} on {(sources.ann or sources.images or real_path(sources.pred_json).parent).name}'


def _sections(page: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the id and the name of the page's sections."""
    judged = [('confidence', 'Confidence'), ('groups', 'Groups'), ('confusion', 'Confusion'), ('boxes', 'Boxes')]
    photos = [('gallery', 'Photos')] * ('photos' in page)
    return [('figures', 'Figures'), *judged * page['judged'], *photos, ('training', 'Training'), ('run', 'Run')]


def _percent(value: float) -> str:
    return f'{100 * value:.1f}{NO_BREAK}%'


def _interval(estimate: Estimate, percent: bool = False) -> str:
    """Format both ends, `25.0–75.0 %` or `0.250–0.750`."""
    if math.isnan(estimate.low):
        return 'no interval'
    if percent:
        return f'{100 * estimate.low:.1f}–{_percent(estimate.high)}'
    return f'{estimate.low:.3f}–{estimate.high:.3f}'


def _kinds(card: Card) -> str:
    """Name the errors of a card's number for the filter."""
    return ' '.join([*card.wrong, *([] if card.read else ['nothing'])])
