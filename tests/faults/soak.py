"""3,000 photos in one process, with flat memory."""

import os
import threading
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from helpers.project import FAST

from .campaign import LITE, Fault, Scene, end_of

PHOTOS = 3000
GROWTH = 30.0  # megabytes that the peak of the last quarter may lie above the peak of the second


def resident(pid: int) -> float:
    """Return the resident memory of a process in megabytes, 0 after its end."""
    try:
        return int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 1e6
    except (OSError, IndexError):
        return 0.0


def soak(name: str, scene: Scene, folder: Path) -> None:
    """Read many photos; compare the peaks of the memory."""
    photos = folder / 'photos'
    photos.mkdir()
    sources = sorted((scene.root / 'train').iterdir())
    for number in range(PHOTOS):
        os.link(sources[number % len(sources)], photos / f'{number + 1}.png')
    common = ['--cfg-options', f'data_root={scene.root}', *FAST]
    tested = [LITE, scene.trained / 'epoch_2.pth', '--images', photos, '--no-tta', '--work-dir', folder / 'run']
    command = {
        'predict': ['predict.py', photos, '--out', folder / 'read'],
        'test --dump': ['test.py', *tested, '--dump', folder / 'set', *common],
    }[name]
    process = scene.new_process(*command)
    samples: list[float] = []

    def watch() -> None:
        while process.poll() is None:
            samples.append(resident(process.pid))
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        end_of(process, 600).must_succeed()
    finally:
        watcher.join()
    quarter = len(samples) // 4
    second, last = max(samples[quarter : 2 * quarter]), max(samples[3 * quarter :])
    assert last <= second + GROWTH, f'memory grew from {second:.0f} to {last:.0f} MB'


def faults() -> Iterable[Fault]:
    """List the tools."""
    for name in ('predict', 'test --dump'):
        yield Fault(f'{name}, {PHOTOS} photos', partial(soak, name), 150)
