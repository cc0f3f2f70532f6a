"""The page of the service in a browser: headless chromium against a server in this process."""

import csv
import io
import os
import threading
import time

import numpy as np
import pytest
from helpers.browser import CONTRAST, accessibility_faults, press
from helpers.columns import photo_of, reader_of_columns
from PIL import Image

pytestmark = pytest.mark.integration
uvicorn = pytest.importorskip('uvicorn', reason='uvicorn is not installed')
pytest.importorskip('fastapi', reason='fastapi is not installed')

HOSTILE = '=cmd|<img src=x onerror=alert(1)>".png'


def two_numbers():
    """A photo of 1122 and, far from it, 12."""
    pixels = np.zeros((20, 600, 3), np.uint8)
    for left, channel in ((0, 0), (20, 0), (40, 1), (60, 1), (540, 0), (560, 1)):
        pixels[:, left : left + 10, channel] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'PNG')
    return file.getvalue()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    for name, content in {
        HOSTILE: photo_of('2112'),
        'none.jpg': photo_of('', 'JPEG'),
        'broken.png': b'no photo',
        '数字.tif': photo_of('12', 'TIFF'),
        'two.png': two_numbers(),
    }.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope='module')
def address():
    from custom.serving.app import make_app

    config = uvicorn.Config(make_app(reader_of_columns()), port=0, log_level='error', ws='none')
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f'http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/'
    server.should_exit = True
    thread.join(30)


def choose(browser, *paths):
    """Choose files as a person does, and wait until all are read."""
    browser.find_element('id', 'files').send_keys('\n'.join(map(os.fspath, paths)))
    wait_until_read(browser)


def wait_until_read(browser):
    until = time.monotonic() + 60
    while browser.execute_script('return readings.length === 0 || readings.some((reading) => !reading.done)'):
        assert time.monotonic() < until
        time.sleep(0.02)


def texts(browser, selector):
    return browser.execute_script(
        'return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)', selector
    )


def test_photos_are_read_and_their_boxes_drawn(opened, folder):
    browser = opened()
    choose(browser, folder / HOSTILE, folder / 'none.jpg', folder / 'broken.png', folder / '数字.tif')
    numbers = texts(browser, '.number')
    assert (numbers[0], numbers[1], numbers[3]) == ('2112', 'No number', '12')
    assert numbers[2].startswith('photo: is not a photo that can be read')
    assert texts(browser, '.name') == [HOSTILE, 'none.jpg', 'broken.png', '数字.tif']
    assert texts(browser, '.note')[0].startswith('confidence 66 %, ')
    assert texts(browser, '#count') == ['4 of 4 read, 1 of them failed']
    boxes = browser.execute_script(
        "return [...document.querySelectorAll('li:first-child rect')].map("
        "(rect) => ['x', 'y', 'width', 'height'].map((name) => Number(rect.getAttribute(name))))"
    )
    assert boxes == [[x, 0, 10, 20] for x in (0, 20, 40, 60)]
    # The drawing lies exactly on the photo.
    places = browser.execute_script(
        "return ['img', 'svg'].map((name) => { const box = document.querySelector(`li:first-child ${name}`)"
        '.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; })'
    )
    assert places[0] == pytest.approx(places[1])
    assert browser.execute_script("return document.querySelector('svg').viewBox.baseVal.width") == 90
    assert browser.execute_script("return document.querySelectorAll('.name *, [onerror]').length") == 0


def test_the_other_numbers_of_a_photo_are_named_and_dashed(opened, folder):
    browser = opened()
    choose(browser, folder / 'two.png')
    assert texts(browser, '.number') == ['1122']
    assert texts(browser, '.note')[0].endswith('; also: 12')
    dashed = "return [...document.querySelectorAll('rect.other')].map((rect) => Number(rect.getAttribute('x')))"
    assert browser.execute_script(dashed) == [540, 560]


def test_the_table_opens_in_a_spreadsheet_without_a_formula(opened, folder):
    browser = opened()
    choose(browser, folder / HOSTILE, folder / 'none.jpg', folder / 'broken.png')
    rows = list(csv.reader(io.StringIO(browser.execute_script('return csv()'))))
    assert rows[0] == ['file', 'number', 'confidence', 'error']
    assert rows[1] == ["'" + HOSTILE, '2112', '0.6561', '']
    assert rows[2][:2] == ['none.jpg', '-1']
    assert (rows[3][:3], rows[3][3][:23]) == (['broken.png', '', ''], 'photo: is not a photo t')
    assert len(rows) == 4


def test_nothing_is_asked_of_another_host_and_no_error_is_logged(opened, folder, address):
    browser = opened()
    choose(browser, folder / HOSTILE)
    names = browser.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert {name for name in names if not name.startswith(('blob:', 'data:'))} == {f'{address}v1/read'}
    assert [entry for entry in browser.get_log('browser') if entry['level'] != 'INFO'] == []
    refused = browser.execute_async_script(
        'const done = arguments[0];'
        "fetch('http://localhost:9/').then(() => done('sent'), () => {});"
        "document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective));"
    )
    assert refused == 'connect-src'  # the policy, before any connection


def test_keys_alone_do_everything(opened, folder):
    from selenium.webdriver.common.keys import Keys

    browser = opened()
    reached = []
    for _ in range(3):
        press(browser, Keys.TAB)
        reached.append(browser.execute_script('return document.activeElement.id || document.activeElement.textContent'))
    assert reached == ['HTTP interface', 'files', 'camera']
    outline = "return getComputedStyle(document.querySelector('#camera + .button')).outlineStyle"
    assert browser.execute_script(outline) == 'solid'
    choose(browser, folder / 'none.jpg')
    press(browser, Keys.TAB)
    assert browser.execute_script('return document.activeElement.id') == 'csv'
    press(browser, Keys.TAB, Keys.ENTER)
    assert texts(browser, 'li') == []
    assert texts(browser, '#said') == ['All photos removed']
    assert browser.execute_script('return document.activeElement.id') == 'files'


def test_a_screen_reader_hears_each_number_and_every_control_has_a_name(opened, folder):
    browser = opened()
    choose(browser, folder / HOSTILE)
    assert texts(browser, '[aria-live=polite]') == [f'{HOSTILE}: 2112, confidence 66 %']
    assert browser.execute_script("return document.querySelector('li img').alt") == f'{HOSTILE}: 2112'
    names = [
        browser.find_element('css selector', selector).accessible_name
        for selector in ('#files', '#camera', '#csv', '#clear', 'ol')
    ]
    assert names == ['Choose photos', 'Take a photo', 'Download CSV', 'Clear', 'Readings']
    assert browser.find_element('id', 'camera').get_attribute('capture') == 'environment'


def test_photos_are_dropped_and_pasted(opened):
    browser = opened()
    events = """
    const [bytes, done] = arguments;
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(bytes)], 'dropped.png', { type: 'image/png' }));
    document.querySelector('#drop').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true }));
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
    done();
    """
    browser.execute_async_script(events, list(photo_of('21')))
    wait_until_read(browser)
    assert texts(browser, '.number') == ['21', '21']


def test_a_busy_service_is_asked_again_and_a_large_file_is_not_sent(opened, folder):
    browser = opened()
    browser.execute_script("""
    const real = window.fetch;
    let calls = 0;
    window.fetch = (...request) => {
      calls += 1;
      const busy = new Response('{}', { status: 503, headers: { 'Retry-After': '0.01' } });
      return calls < 3 ? Promise.resolve(busy) : real(...request);
    };
    window.calls = () => calls;
    """)
    choose(browser, folder / HOSTILE)
    assert (texts(browser, '.number'), browser.execute_script('return calls()')) == (['2112'], 3)
    browser.execute_script("add([new File([new Uint8Array(20000001)], 'large.png')])")
    wait_until_read(browser)
    assert texts(browser, '.number')[1] == 'The file is over 20 MB. Choose a smaller photo.'
    assert browser.execute_script('return calls()') == 3


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [320, 1200])
def test_contrast_and_width(opened, folder, scheme, width):
    browser = opened(width, scheme)
    choose(browser, folder / HOSTILE, folder / 'broken.png')
    assert browser.execute_script(CONTRAST) == []
    wider = 'return document.documentElement.scrollWidth - document.documentElement.clientWidth'
    assert browser.execute_script(wider) == 0
    browser.get(browser.current_url + 'docs')
    assert browser.execute_script(CONTRAST) == []
    assert browser.execute_script(wider) == 0


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_axe_finds_no_fault(opened, folder, scheme):
    browser = opened(scheme=scheme)
    assert accessibility_faults(browser) == []  # before a photo is there
    choose(browser, folder / HOSTILE, folder / 'none.jpg', folder / 'broken.png', folder / 'two.png')
    assert accessibility_faults(browser) == []
    browser.get(browser.current_url + 'docs')
    assert accessibility_faults(browser) == []
