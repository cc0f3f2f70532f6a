"""kill -9 at random moments of train, dump, import, export and report.

The moments are spread evenly over the duration of an uninterrupted run, with a random offset. After each kill the next
run of the same command must succeed, and leave what an uninterrupted run leaves.
"""

import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from time import monotonic

from helpers.weights import differing

from custom.utils.files import finish_set

from .campaign import Fault, Scene

TIMES = {'train': 16, 'dump': 12, 'import': 12, 'export': 10, 'report': 10}
SET = ('pred.json', 'pred.csv', 'submission.zip', 'reader.json')
UNTUNED = ('--reader', 'none')  # gives other files than the tuned reader


def hidden(folder: Path) -> list[str]:
    """List the names of hidden files in a folder: temporary files of runs that were killed, but for locks."""
    return [path.name for path in folder.iterdir() if path.name.startswith('.') and path.suffix != '.lock']


def content(folder: Path, names: Iterable[str] = SET) -> dict[str, bytes | None]:
    """Return the bytes of the named files, None for one that is missing."""
    return {name: (folder / name).read_bytes() if (folder / name).is_file() else None for name in names}


def kill(scene: Scene, kind: str, number: int, seconds: float, name: str, *arguments: object) -> None:
    """Run a tool whose uninterrupted run takes `seconds`, and kill it at a moment of share `number` of them."""
    share = (number + scene.random(f'{kind} {number}').random()) / TIMES[kind]
    scene.tool(name, *arguments, limit=0.1 + share * seconds)


def timed(scene: Scene, name: str, *arguments: object) -> float:
    """Run a tool to its end; return the seconds."""
    started = monotonic()
    scene.tool(name, *arguments).must_succeed()
    return monotonic() - started


def train(number: int, scene: Scene, folder: Path) -> None:
    """Kill a training, resume it, and compare the weights with those of the run that was not killed."""
    seconds = scene.once('train', lambda place: timed(scene, 'train.py', *scene.train_arguments(place / 'run')))
    work = folder / 'work'
    arguments = scene.train_arguments(work)
    kill(scene, 'train', number, seconds, 'train.py', *arguments)
    scene.tool('train.py', *arguments[:3], '--resume', *arguments[3:]).must_succeed()
    different = differing(scene.trained / 'epoch_2.pth', work / 'epoch_2.pth')
    assert not different, f'{len(different)} tensors differ from the run that was not killed, such as {different[0]}'
    names, expected = ({path.name for path in place.glob('*.pth')} for place in (work, scene.trained))
    assert names == expected, f'checkpoints {names} instead of {expected}'
    assert not hidden(work), f'left behind: {hidden(work)}'


def dump(number: int, scene: Scene, folder: Path) -> None:
    """Kill a dump over an older one: the folder has the old set or the new one, as a whole."""
    seconds = scene.once('dump', lambda place: timed(scene, 'test.py', *scene.dump_arguments(place / 'new')))
    older = scene.once('older', lambda place: timed(scene, 'test.py', *scene.dump_arguments(place / 'set', *UNTUNED)))
    assert older
    old, new = content(scene.folder / 'older/set'), content(scene.dumped)
    assert old != new
    shutil.copytree(scene.folder / 'older/set', folder / 'set')
    kill(scene, 'dump', number, seconds, 'test.py', *scene.dump_arguments(folder / 'set'))
    finish_set(folder / 'set')  # as each tool does that reads a set
    left = content(folder / 'set')
    assert left in (old, new), f'a mixture: new are {[name for name in SET if left[name] == new[name]]}'
    scene.tool('test.py', *scene.dump_arguments(folder / 'set')).must_succeed()
    assert content(folder / 'set') == new
    assert not hidden(folder / 'set'), f'left behind: {hidden(folder / "set")}'


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder, by their path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def import_labels(number: int, scene: Scene, folder: Path) -> None:
    """Kill an import: its folder is missing or whole, and the next import succeeds."""
    command = ['prepare_data.py', 'coco', '--src', scene.root / 'train.json', '--images', scene.root / 'train']
    command += ['--valid-fraction', 0.5, '--ignore-copies', '--out']
    seconds = scene.once('import', lambda place: timed(scene, *command, place / 'whole'))
    whole = tree(scene.folder / 'import/whole')
    kill(scene, 'import', number, seconds, *command, folder / 'killed')
    if not (folder / 'killed').exists():
        scene.tool(*command, folder / 'killed').must_succeed()
    assert tree(folder / 'killed') == whole, 'the folder is there, but not whole'
    assert not hidden(folder), f'left behind: {hidden(folder)}'


def export(number: int, scene: Scene, folder: Path) -> None:
    """Kill an export over an older file: the file is the old or the new one, byte for byte."""
    command = ['export_weights.py', scene.trained / 'epoch_2.pth']
    seconds = scene.once('export', lambda place: timed(scene, *command, place / 'new.safetensors'))
    new = (scene.folder / 'export/new.safetensors').read_bytes()
    out = folder / 'weights.safetensors'
    out.write_bytes(b'old')
    kill(scene, 'export', number, seconds, *command, out)
    assert out.read_bytes() in (b'old', new), 'neither the old nor the new file'
    scene.tool(*command, out).must_succeed()
    assert out.read_bytes() == new
    assert not hidden(folder), f'left behind: {hidden(folder)}'


def report(number: int, scene: Scene, folder: Path) -> None:
    """Kill a report over an older one: the page is the old or the new one."""
    command = ['report.py', scene.dumped / 'pred.json', scene.root / 'valid.json', '--images', scene.root / 'valid']
    seconds = scene.once('report', lambda place: timed(scene, *command, '--out', place / 'page.html'))
    page = folder / 'page.html'
    page.write_text('old')
    kill(scene, 'report', number, seconds, *command, '--out', page)
    assert page.read_text() == 'old' or page.read_text().rstrip().endswith('</html>'), 'half a page'
    scene.tool(*command, '--out', page).must_succeed()
    assert page.read_text().rstrip().endswith('</html>')
    assert not hidden(folder), f'left behind: {hidden(folder)}'


KINDS: dict[str, tuple[Callable, float]] = {
    'train': (train, 12),
    'dump': (dump, 8),
    'import': (import_labels, 3),
    'export': (export, 4),
    'report': (report, 6),
}


def faults() -> Iterable[Fault]:
    """List the kills."""
    for kind, (check, seconds) in KINDS.items():
        for number in range(TIMES[kind]):
            yield Fault(f'{kind}, kill {number + 1} of {TIMES[kind]}', partial(check, number), seconds)
