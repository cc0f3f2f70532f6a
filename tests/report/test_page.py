"""The report's page in a browser: headless chromium."""

import pytest
from helpers.browser import CONTRAST, emulate, focus, press
from helpers.report_scene import HOSTILE, write_run

from custom.report.html import make_report
from custom.report.sources import find_sources

pytestmark = pytest.mark.integration
LOADED = """
const done = arguments[0];
const pictures = [...document.querySelectorAll('image')].map((image) => {
  const picture = new Image();
  picture.src = image.getAttribute('href');
  return picture.decode().then(() => picture.naturalWidth);
});
Promise.all(pictures).then(done, (error) => done(String(error)));
"""


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    root = tmp_path_factory.mktemp('scene')
    page = root / 'report.html'
    page.write_text(make_report(find_sources(write_run(root)))[0], encoding='utf-8')
    return page.as_uri()


@pytest.fixture
def opened(browser, address):
    """A function that opens the page at a width, in light or dark."""

    def open_page(width=1200, scheme='light'):
        emulate(browser, width, scheme)
        browser.get(address)
        return browser

    return open_page


def shown(browser):
    """List the visible cards as indices of HOSTILE."""
    script = (
        "return [...document.querySelectorAll('#cards > li')].filter(c => c.checkVisibility()).map(c => c.dataset.text)"
    )
    return [int(HOSTILE.index(text.rsplit(' ', 2)[0])) for text in browser.execute_script(script)]


def test_no_error_and_nothing_fetched(opened):
    browser = opened()
    assert [entry for entry in browser.get_log('browser') if entry['level'] != 'INFO'] == []
    assert browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)") == []
    assert browser.execute_script('return document.documentElement.outerHTML').count('<script') == 1
    # elements that unescaped names would create
    assert browser.execute_script("return document.querySelectorAll('img, iframe, [onerror]').length") == 0


def test_every_picture_loads(opened):
    widths = opened().execute_async_script(LOADED)
    assert widths == [35, 50, 50, 60]  # pixels: those of the digits, and a digit's height on either side


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [390, 1200])
def test_contrast(opened, scheme, width):
    assert opened(width, scheme).execute_script(CONTRAST) == []


def test_light_and_dark_differ_and_the_button_switches(opened):
    from selenium.webdriver.common.keys import Keys

    behind = 'return getComputedStyle(document.body).backgroundColor'
    light = opened(scheme='light').execute_script(behind)
    browser = opened(scheme='dark')
    dark = browser.execute_script(behind)
    assert light != dark
    focus(browser, '#theme')
    press(browser, Keys.ENTER)
    assert browser.execute_script(behind) == light
    line = "return getComputedStyle(document.querySelector('.plot text')).fill"
    assert browser.execute_script(line) == 'rgb(89, 99, 110)'  # plots follow


@pytest.mark.parametrize('width', [320, 390, 768])
def test_nothing_is_wider_than_a_phone(opened, width):
    script = 'return document.documentElement.scrollWidth - document.documentElement.clientWidth'
    assert opened(width).execute_script(script) == 0


def test_filters_by_keys(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    assert shown(browser) == [3, 0, 1, 2]
    focus(browser, '#theme')
    press(browser, '/')  # finds
    press(browser, '304')
    assert shown(browser) == [2]
    assert browser.execute_script("return document.getElementById('shown').textContent") == '1 of 4 shown'
    press(browser, Keys.ESCAPE)  # all again
    assert shown(browser) == [3, 0, 1, 2]
    focus(browser, 'input[name=kind]')
    press(browser, Keys.ARROW_RIGHT)  # wrong digit
    assert shown(browser) == [0]
    press(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)  # inserted, deleted
    assert shown(browser) == [3, 2]
    press(browser, Keys.TAB, Keys.TAB, '3')  # the true number has 3 digits
    assert shown(browser) == [2]
    press(browser, Keys.TAB, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)  # 10 % confidence
    assert shown(browser) == [2]
    press(browser, Keys.END)  # 100 %
    assert shown(browser) == []
    none = browser.execute_script("return document.getElementById('none').checkVisibility()")
    assert none
    press(browser, Keys.ESCAPE)
    assert shown(browser) == [3, 0, 1, 2]


def test_a_name_can_be_found(opened):
    browser = opened()
    press(browser, '/', '数字')
    assert shown(browser) == []  # it was read right
    browser = opened()
    press(browser, '/', '<SCRIPT>')
    assert shown(browser) == [0]


def test_a_mistake_of_the_matrix_shows_its_photos(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    focus(browser, 'button[data-confused="7-1"]')
    press(browser, Keys.ENTER)
    assert shown(browser) == [0]
    assert browser.execute_script('return document.activeElement.name') == 'confused'


def test_the_page_is_reached_by_tab(opened):
    """From the top: the skip link, the switch, the sections, the mistakes of the matrix, the filters."""
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    names = []
    for _ in range(2 + 8 + 4 + 6):
        press(browser, Keys.TAB)
        names.append(browser.execute_script('return document.activeElement.name || document.activeElement.textContent'))
    assert names[:4] == ['Skip to the figures', 'Dark', 'Figures', 'Confidence']
    assert names[10:14] == ['1'] * 4
    assert names[-5:] == ['confused', 'length', 'sure', 'text', 'Show all Esc']
