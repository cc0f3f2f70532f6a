"""The report's page in a browser: headless chromium."""

import pytest
from helpers.browser import CONTRAST, accessibility_faults, emulate, focus, press
from helpers.report_scene import HOSTILE, write_run, write_scene

from custom.report.comparison import make_comparison
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
    assert widths == [35, 50, 50, 60, 50, 35]  # pixels: those of the digits, and a digit's height on either side


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
    assert browser.execute_script("return document.getElementById('shown').textContent") == '1 of 6 shown'
    press(browser, Keys.ESCAPE)  # all again
    assert shown(browser) == [3, 0, 1, 2]
    focus(browser, 'input[name=kind]')
    press(browser, Keys.ARROW_RIGHT)  # wrong digit
    assert shown(browser) == [0]
    press(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)  # inserted, deleted
    assert shown(browser) == [3, 2]
    press(browser, Keys.TAB, Keys.TAB, '3')  # confusion, then: the true number has 3 digits
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
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    press(browser, '/', '数字')
    assert shown(browser) == []  # its number is right
    focus(browser, 'input[name=result]')
    press(browser, Keys.ARROW_RIGHT)
    assert shown(browser) == [4]
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
    for _ in range(2 + 8 + 4 + 7):
        press(browser, Keys.TAB)
        names.append(browser.execute_script('return document.activeElement.name || document.activeElement.textContent'))
    assert names[:4] == ['Skip to the figures', 'Dark', 'Figures', 'Confidence']
    assert names[10:14] == ['1'] * 4
    assert names[-7:] == ['result', 'kind', 'confused', 'length', 'sure', 'text', 'Reset Esc']
    press(browser, Keys.TAB)
    assert browser.execute_script('return document.activeElement.getAttribute("aria-label")') == f'Enlarge {HOSTILE[3]}'


def test_right_numbers_can_be_shown(opened):
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    focus(browser, 'input[name=result]')
    press(browser, Keys.ARROW_RIGHT)  # right
    assert shown(browser) == [4, 5]  # by rising confidence
    press(browser, Keys.ARROW_RIGHT)  # all
    assert shown(browser) == [3, 0, 1, 2, 4, 5]


def test_a_photo_is_enlarged_by_key_or_press(opened):
    from selenium.webdriver.common.keys import Keys

    def state():
        script = (
            'const body = document.querySelector("#large-body svg");'
            'return [document.getElementById("large").open, document.getElementById("large-name").textContent,'
            'body ? body.getBoundingClientRect().width : 0]'
        )
        return browser.execute_script(script)

    browser = opened()
    small = browser.execute_script('return document.querySelector("#cards svg").getBoundingClientRect().width')
    focus(browser, '#cards > li .enlarge')
    press(browser, Keys.ENTER)
    is_open, name, width = state()
    assert is_open and name == f'{HOSTILE[3]}, 1 of 4'
    assert width > 2 * small
    title = browser.execute_script('return document.getElementById("large-title").textContent')
    assert title.startswith('-1 instead of 8')
    press(browser, Keys.ARROW_RIGHT)
    assert state()[1] == f'{HOSTILE[0]}, 2 of 4'
    press(browser, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    assert state()[1] == f'{HOSTILE[3]}, 1 of 4'
    press(browser, Keys.ESCAPE)
    assert not state()[0]
    assert browser.execute_script('return document.activeElement.className') == 'button enlarge'  # focus is back
    browser.find_element('css selector', '#cards > li:nth-child(2) .pair').click()
    assert state()[:2] == [True, f'{HOSTILE[0]}, 2 of 4']


@pytest.mark.parametrize(('width', 'scheme'), [(1200, 'light'), (390, 'dark')])
def test_axe_finds_no_fault(opened, width, scheme):
    browser = opened(width, scheme)
    assert accessibility_faults(browser) == []
    browser.find_element('css selector', '#cards .enlarge').click()
    assert accessibility_faults(browser) == []


def test_axe_finds_no_fault_in_a_comparison(browser, tmp_path):
    first, ann = write_scene(tmp_path)
    second = tmp_path / 'second/pred.json'
    second.parent.mkdir()
    second.write_text(first.read_text().replace('"category_id": 4', '"category_id": 5'))
    page = tmp_path / 'comparison.html'
    html, _ = make_comparison((find_sources(first, ann), find_sources(second, ann)))
    page.write_text(html, encoding='utf-8')
    emulate(browser, 1200, 'light')
    browser.get(page.as_uri())
    assert [entry for entry in browser.get_log('browser') if entry['level'] != 'INFO'] == []
    names = "return [...document.querySelectorAll('#cards > li')].filter(c => c.checkVisibility()).length"
    assert browser.execute_script(names) == 2
    focus(browser, 'input[name=result]')
    press(browser, '\ue014')  # arrow right: won
    assert browser.execute_script(names) == 0
    assert accessibility_faults(browser) == []
