"""The HTML report as one file that needs nothing but a browser; custom/templates/ has what it looks like."""

import base64
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..evaluation.bootstrap import Estimate
from .gallery import Card
from .sources import Sources

TEMPLATES = Path(__file__).with_name('templates')
NO_BREAK = '\N{NO-BREAK SPACE}'


def render_page(page: Mapping[str, Any]) -> str:
    """The page; every text that is put into it is escaped, and only the script that belongs to it may run.

    Args:
        page: what there is, by the names that templates/report.html.j2 has for it.
    """
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {'percent': _percent, 'interval': _interval, 'kinds': _kinds}
    script = (TEMPLATES / 'report.js').read_text(encoding='utf-8')
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = {'run': None, 'curves': [], 'judged': False, **page}
    html = environment.get_template('report.html.j2').render(
        page,
        page_title=_title(page['sources']),
        sections=_sections(page),
        script=Markup(script),
        script_hash=digest,
    )
    return html.encode('utf-8', 'backslashreplace').decode()  # of a name that is no UTF-8 as well


def _title(sources: Sources) -> str:
    of_run = sources.run_dir.resolve().name if sources.run_dir else ''
    if not sources.pred_json:
        return of_run
    photos = (sources.ann or sources.images or sources.pred_json.resolve().parent).name
    return f'{of_run or "pred.json"} on {photos}'


def _sections(page: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The id and the name of what the page has."""
    judged = [('sure', 'Trust'), ('groups', 'Where it fails'), ('mixed', 'Digits'), ('boxes', 'Boxes')]
    found = [('figures', 'Figures')] + judged * page['judged'] + [('gallery', 'Photos')] if 'photos' in page else []
    return found + [('training', 'Training')] * bool(page['curves']) + [('run', 'What was run')]


def _percent(value: float) -> str:
    return f'{100 * value:.1f}{NO_BREAK}%'


def _interval(estimate: Estimate, percent: bool = False) -> str:
    """Both ends, `25.0–75.0 %` or `0.250–0.750`."""
    if math.isnan(estimate.low):
        return 'no interval'
    if percent:
        return f'{100 * estimate.low:.1f}–{_percent(estimate.high)}'
    return f'{estimate.low:.3f}–{estimate.high:.3f}'


def _kinds(card: Card) -> str:
    """What is wrong with a card's number, as its filter knows it."""
    return ' '.join([*card.wrong, *([] if card.read else ['nothing'])])
