"""Two processes of one command at once: both end well, or one of them is refused; what they leave is whole."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from .campaign import Ended, Fault, Scene
from .writers import WRITERS

REPEATS = 2


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder, by their path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def settle(ended: list[Ended]) -> None:
    """Raise AssertionError unless one process succeeded, and the other succeeded or was refused in one line."""
    first, second = sorted(ended, key=lambda end: end.code)
    first.must_succeed()
    if second.code:
        second.must_refuse()


def train(scene: Scene, folder: Path) -> None:
    """Start two trainings in one work dir: one is refused, the other is not disturbed."""
    ended = scene.tools('train.py', *scene.train_arguments(folder / 'work'), count=2)
    settle(ended)
    assert sorted(end.code for end in ended) == [0, 2], 'two trainings wrote into one work dir'
    scene.tool('train.py', *scene.train_arguments(folder / 'work')).must_refuse(str(folder / 'work'))


def writer(name: str, scene: Scene, folder: Path) -> None:
    """Start a writer twice at once: the files equal those of a single process."""

    def alone(place: Path) -> dict[str, bytes]:
        scene.tool(*WRITERS[name](scene, place)).must_succeed()
        return tree(place)

    expected = scene.once(f'alone {name}', alone)
    settle(scene.tools(*WRITERS[name](scene, folder), count=2))
    left = tree(folder)
    wrong = [path for path in {*left, *expected} if left.get(path) != expected.get(path)]
    assert not wrong, f'other files than those of one process: {sorted(wrong)}'


def faults() -> Iterable[Fault]:
    """List the pairs."""
    yield Fault('two trainings in one work dir', train, 14)
    for name in ('test --dump', 'dump_results', 'export_weights', 'coco', 'synth'):
        for _ in range(REPEATS):
            yield Fault(f'{name}, twice', partial(writer, name), 10)
