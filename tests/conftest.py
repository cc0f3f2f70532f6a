"""Fixtures of all tests."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# One thread in each process, set before anything imports numpy or torch: the tests run in several processes.
os.environ.setdefault('OMP_NUM_THREADS', '1')

from helpers.browser import emulate, start_browser
from helpers.project import FAST, ROOT, make_tiny_root, run_tool
from helpers.sharing import make_once


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every other test as `unit`."""
    for item in items:
        if not any(item.get_closest_marker(name) for name in ('integration', 'slow')):
            item.add_marker('unit')


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """The folder of real photos, which are not part of the project."""
    folder = Path(os.environ.get('DIGITS_SHARED', ROOT.parent / 'shared' / 'data'))
    if not folder.is_dir():
        pytest.skip(f'no real photos: {folder} does not exist (DIGITS_SHARED names another folder)')
    return folder


@pytest.fixture(scope='session')
def browser() -> Iterator[Any]:
    """Headless chromium, driven by selenium; the test is skipped where the machine has none."""
    driver = start_browser()
    yield driver
    driver.quit()


@pytest.fixture
def opened(browser: Any, address: str) -> Callable[..., Any]:
    """A function that opens the page at the fixture `address` of the module: at a width in pixels, in light or dark."""

    def open_page(width: int = 1200, scheme: str = 'light') -> Any:
        emulate(browser, width, scheme)
        browser.get(address)
        return browser

    return open_page


@pytest.fixture
def tiny_root(tmp_path: Path) -> Path:
    """A data root of `make_tiny_root`."""
    return make_tiny_root(tmp_path)


@pytest.fixture(scope='session')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, subprocess.CompletedProcess]:
    """Data root, work dir after one epoch of digits_frcnn_lite, and the process; tests change neither folder."""

    def train(folder: Path) -> tuple[Path, Path, subprocess.CompletedProcess]:
        data, work_dir = folder / 'data, with a comma', folder / 'work'
        data.mkdir()
        root = make_tiny_root(data)
        options = ['--cfg-options', f'data_root={root}', 'train_cfg.max_epochs=1', *FAST]
        config = ROOT / 'configs/digits_frcnn_lite.py'
        done = run_tool('train.py', config, '--work-dir', work_dir, *options, fresh=True)
        assert done.returncode == 0, done.stderr
        return root, work_dir, done

    return make_once(tmp_path_factory, 'trained', train)


@pytest.fixture(scope='session')
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a light model with random weights, which finds something everywhere."""
    import torch
    from mmdet.registry import MODELS
    from mmengine.config import Config
    from mmengine.registry import init_default_scope

    import custom.register  # noqa: F401 - registers the model
    from custom.digit_reader import CONFIG

    cfg = Config.fromfile(CONFIG)
    init_default_scope('mmdet')
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('weights') / 'random.pth'
    torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, path)
    return path
