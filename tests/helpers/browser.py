"""Headless chromium for the tests of pages."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
DRIVER = shutil.which('chromedriver')
ARGUMENTS = (
    '--headless=new',
    # A container has neither the kernel's sandbox for root nor a large /dev/shm.
    '--no-sandbox',
    '--disable-dev-shm-usage',
    '--disable-gpu',
    # Without these, chromium itself looks for updates.
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
)
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


def start_browser() -> Any:
    """Start chromium, which its caller quits; skip the test where the machine has none."""
    if not CHROMIUM or not DRIVER:
        pytest.skip('no browser: chromium and chromedriver are not installed (Debian: chromium, chromium-driver)')
    webdriver = pytest.importorskip('selenium.webdriver', reason='selenium is not installed')
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


def emulate(browser: Any, width: int, scheme: str) -> None:
    """Show pages at a width in pixels, in the colour scheme `light` or `dark`. The log of earlier pages is dropped."""
    browser.get_log('browser')
    media = {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]}
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', media)
    size = {'width': width, 'height': 850, 'deviceScaleFactor': 1, 'mobile': width < 600}
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)


def accessibility_faults(browser: Any) -> list[str]:
    """List the faults that axe-core finds on the open page: WCAG 2.2 up to AA, and axe's best practices.

    The test is skipped where axe-core is not installed.
    """
    spec = importlib.util.find_spec('axe_playwright_python')
    if spec is None or spec.origin is None:
        pytest.skip('axe-core is not installed (requirements.txt: axe-playwright-python)')
    # Through the developer tools, since the page's content security policy forbids scripts of others.
    script = Path(spec.origin).with_name('axe.min.js').read_text(encoding='utf-8')
    browser.execute_cdp_cmd('Runtime.evaluate', {'expression': script})
    run = {'expression': 'axe.run().then((found) => JSON.stringify(found))', 'awaitPromise': True}
    found = json.loads(browser.execute_cdp_cmd('Runtime.evaluate', run)['result']['value'])
    assert found['passes'], 'axe-core has checked nothing'
    return [f'{rule["id"]}: {node["html"][:200]}' for rule in found['violations'] for node in rule['nodes']]


def focus(browser, selector):
    browser.execute_script('document.querySelector(arguments[0]).focus()', selector)


def press(browser, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()
