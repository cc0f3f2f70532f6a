"""The report's page in a browser: headless chromium."""

import shutil

import pytest
from helpers.report_scene import HOSTILE, write_run

from custom.report.html import make_report
from custom.report.sources import find_sources

pytestmark = pytest.mark.integration
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
DRIVER = shutil.which('chromedriver')
# Lists the visible texts whose contrast with their background is too low (WCAG 2.2).
CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const over = (back, colour, alpha) => {
  canvas.globalAlpha = 1; canvas.fillStyle = back; canvas.fillRect(0, 0, 1, 1);
  canvas.globalAlpha = alpha; canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return `rgb(${[...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).join()})`;
};
const light = (colour) => colour.match(/\\d+/g).map((part) => part / 255)
  .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
const found = [];
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.checkVisibility() || element.closest('.pair, .skip, script, option')) continue;
  const chain = [];
  for (let node = element; node; node = node.parentElement) chain.unshift(getComputedStyle(node));
  let back = 'white', alpha = 1;
  for (const style of chain) { back = over(back, style.backgroundColor, 1); alpha *= style.opacity; }
  const style = chain.at(-1);
  const text = over(back, element instanceof SVGElement ? style.fill : style.color, alpha);
  const [high, low] = [light(text), light(back)].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  if (ratio < 4.5) found.push(`${element.tagName} ${element.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
}
return found;
"""
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
def browser():
    if not CHROMIUM or not DRIVER:
        pytest.skip('no browser: chromium and chromedriver are not installed (Debian: chromium, chromium-driver)')
    webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # A container has neither the kernel's sandbox for root nor a large /dev/shm.
    for argument in ('--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


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
        media = {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]}
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', media)
        size = {'width': width, 'height': 850, 'deviceScaleFactor': 1, 'mobile': width < 600}
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
        browser.get(address)
        return browser

    return open_page


def shown(browser):
    """List the visible cards as indices of HOSTILE."""
    script = (
        "return [...document.querySelectorAll('#cards > li')].filter(c => c.checkVisibility()).map(c => c.dataset.text)"
    )
    return [int(HOSTILE.index(text.rsplit(' ', 2)[0])) for text in browser.execute_script(script)]


def focus(browser, selector):
    browser.execute_script('document.querySelector(arguments[0]).focus()', selector)


def press(browser, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


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
