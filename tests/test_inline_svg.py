import re
import xml.etree.ElementTree as ET

from custom.inline_svg import ACCENT, CSS, INK, draw


def paint(axes):
    axes.plot([0, 1, 2], [0, 1, 0.5], color=ACCENT, marker='o')
    axes.fill_between([0, 1], [0, 0], [1, 1], color=ACCENT, alpha=0.2)
    axes.set_title('<b> & "τ"', color=INK)
    axes.grid()


def test_it_follows_the_page():
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


def test_ids_are_of_the_plot_and_needed():
    ids = {name: set(re.findall(r' id="([^"]+)"', draw(paint, name, ''))) for name in ('one', 'two')}
    assert ids['one'] and not ids['one'] & ids['two']
    svg = draw(paint, 'one', '')
    meant = set(re.findall(r'url\(#([^)]+)\)', svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert ids['one'] == meant


def test_it_has_its_size_and_is_small():
    svg = draw(paint, 'one', '', width=200, height=100)
    assert ET.fromstring(svg).get('viewBox') == '0 0 200 100'
    assert not re.search(r'\d\.\d{3}', svg)
    assert 'rotate(-0' not in svg and '\n' not in svg
    assert len(svg) < 9000


def test_the_same_again():
    assert draw(paint, 'one', 'x') == draw(paint, 'one', 'x')
