"""Figures of docs/many_machines.md: memory over many photos, and two workers on two cores against one on one core.

python docs/measure_many.py memory --photos 200000
python docs/measure_many.py actors --photos 500 --rounds 3
"""

import argparse
import io
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from custom.distributed_inference.pipeline import Job, cluster, require_ray, run_shards
from custom.distributed_inference.results import summarise
from custom.distributed_inference.run_folder import RunFolder
from custom.distributed_inference.sources import plan_shards
from custom.inference.reader import PhotoReader
from custom.inference.views import PhotoViews
from custom.reading.settings import ReaderSettings
from custom.utils.cores import usable_cores
from custom.utils.messages import duration

ROOT = Path(__file__).resolve().parents[1]
CROPS, SIDE = 500, 64  # different crops, which are repeated; pixels of those of `measure_memory`
PERIOD = 1.0  # seconds between looks at the processes
KINDS = {'_Reader': 'actor', '_Loader': 'loader', 'raylet/raylet': 'raylet', 'gcs_server': 'control store'}
DRIVER, OTHERS, STORE, ALL = 'driver', "Ray's others", 'object store', 'all together'


class OneBox:
    """A detector that costs nothing: an 8 on the whole photo."""

    def detect(self, views):
        found = []
        for view in views:
            box = np.array([[0, 0, view.pixels.shape[1], view.pixels.shape[0]]], np.float32)
            found.append((box, np.array([0.9], np.float32), np.array([8])))
        return found


def cheap_reader() -> PhotoReader:
    """Open a reader of `OneBox`."""
    return PhotoReader(OneBox(), PhotoViews((SIDE, SIDE)), ReaderSettings(), batch_size=1)


def make_crops(count: int, side: int | None = None) -> list[bytes]:
    """Draw synthetic house numbers as PNG, resized to side x side pixels unless `side` is None."""
    from PIL import Image

    crops = []
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, 'made')
        options = ['--images', str(count), '--seed', '0', '--valid-fraction', '0.1', '--quiet']
        command = [sys.executable, ROOT / 'tools/prepare_data.py', 'synth', '--out', made, *options]
        subprocess.run([*map(str, command)], check=True)
        for name in sorted(made.glob('*/*.png')):
            file = io.BytesIO()
            with Image.open(name) as image:
                image.convert('RGB').resize((side, side) if side else image.size).save(file, 'PNG')
            crops.append(file.getvalue())
    return crops


def write_parquet(path: Path, photos: int) -> None:
    """Write a Parquet file of CROPS crops that are repeated, 1,000 in a row group."""
    import pyarrow as pa
    from pyarrow import parquet

    crops = make_crops(min(photos, CROPS), SIDE)
    with parquet.ParquetWriter(path, pa.schema([('bytes', pa.binary()), ('key', pa.string())])) as writer:
        for start in range(0, photos, 1000):
            rows = range(start, min(start + 1000, photos))
            table = {'bytes': [crops[i % len(crops)] for i in rows], 'key': [f'{i}.png' for i in rows]}
            writer.write_table(pa.table(table))


class Look(NamedTuple):
    """State of this process and of its descendants, by kind, after a number of photos.

    `memory` is in MB: of STORE the shared memory of Ray's object store, of ALL the sum, of the others the largest
    resident memory of a process without shared memory. `processes` is their number. `cpu` is the CPU time of all
    processes of a kind, those that have ended included, in seconds.
    """

    time: float
    photos: float
    memory: dict[str, float]
    processes: dict[str, int]
    cpu: dict[str, float]


class Watch(threading.Thread):
    """Looks at the processes of a run every PERIOD seconds."""

    def __init__(self, bar: 'Bar') -> None:
        super().__init__(daemon=True)
        self.bar = bar
        self.looks: list[Look] = []
        self.times: dict[int, tuple[str, float]] = {}  # kind and CPU time of each process
        self.is_over = False

    def run(self) -> None:
        """Look until `is_over`."""
        while not self.is_over:
            self.looks.append(self._look())
            time.sleep(PERIOD)

    def cpu_per_photo(self, start: float) -> dict[str, float]:
        """Return the CPU time of each kind in ms a photo, from the time `start` on."""
        first, last = next(look for look in self.looks if look.time >= start), self.looks[-1]
        count = last.photos - first.photos
        return {kind: 1000 * (seconds - first.cpu.get(kind, 0)) / count for kind, seconds in last.cpu.items()}

    def _look(self) -> Look:
        memory: dict[str, float] = defaultdict(float)
        processes: dict[str, int] = defaultdict(int)
        together = 0.0
        for process in _descendants():
            try:
                name = Path(f'/proc/{process}/cmdline').read_bytes().decode(errors='replace')
                lines = Path(f'/proc/{process}/status').read_text().splitlines()
                times = _stat(process)
            except OSError:  # the process has ended
                continue
            fields = dict(line.split(':', 1) for line in lines if ':' in line)
            if 'VmRSS' not in fields:
                continue
            kind = next((kind for part, kind in KINDS.items() if part in name), OTHERS)
            kind = DRIVER if process == os.getpid() else kind
            shared = int(fields['RssShmem'].split()[0]) / 1024
            own = int(fields['VmRSS'].split()[0]) / 1024 - shared
            memory[kind] = max(memory[kind], own)
            memory[STORE] = max(memory[STORE], shared)
            together += own
            processes[kind] += 1
            self.times[process] = kind, (int(times[11]) + int(times[12])) / os.sysconf('SC_CLK_TCK')
        memory[ALL] = together + memory[STORE]
        cpu: dict[str, float] = defaultdict(float)
        for kind, seconds in self.times.values():
            cpu[kind] += seconds
        return Look(time.time(), self.bar.count, memory, processes, cpu)


def _stat(process: int) -> list[str]:
    """Return the fields of /proc/PROCESS/stat after the name: the state, the parent, ..."""
    return Path(f'/proc/{process}/stat').read_text().rpartition(') ')[2].split()


def _descendants() -> list[int]:
    """Return the numbers of this process and of its descendants."""
    children = defaultdict(list)
    for folder in Path('/proc').glob('[0-9]*'):
        try:
            children[int(_stat(int(folder.name))[1])].append(int(folder.name))
        except OSError:  # the process has ended
            continue
    family = [os.getpid()]
    for process in family:
        family += children[process]
    return family


class Bar:
    """Count of photos over time; prints every tenth of `expected` with the time left."""

    total = None

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.count = 0.0
        self.times: list[tuple[float, float]] = []

    def update(self, n: float) -> None:
        """Count `n` more photos."""
        before, self.count = self.count, self.count + n
        self.times.append((time.time(), self.count))
        tenth = self.expected / 10
        if before // tenth < self.count // tenth and self.count < self.expected:
            left = duration((self.expected - self.count) / self.rate(0))
            print(f'    {self.count:.0f} of {self.expected} photos, {left} left', flush=True)

    def close(self) -> None:
        """Do nothing."""

    def rate(self, start: float) -> float:
        """Return photos/s between the first result after the time `start` and the last one."""
        (first, before), (last, after) = next(one for one in self.times if one[0] >= start), self.times[-1]
        return (after - before) / max(last - first, 1e-9)


def read(source: Path, out: Path, reader, bar: Bar) -> None:
    """Read a source into a folder, on the cluster that is connected."""
    run = RunFolder.create(out, plan_shards([str(source)]), {})
    run_shards(run, Job(reader, 0), bar)
    photos, failed, _ = summarise(run.files())
    if (photos, failed) != (bar.expected, 0):
        raise SystemExit(f'{photos} photos and {failed} errors instead of {bar.expected} photos')


def measure_memory(photos: int, folder: Path) -> None:
    """Print the peak of each kind of process in each quarter of the photos."""
    write_parquet(folder / 'crops.parquet', photos)
    size = (folder / 'crops.parquet').stat().st_size / 1e6
    print(f'{photos} crops of {SIDE}x{SIDE} px, {size:.0f} MB of Parquet; a detector that costs nothing', flush=True)
    bar = Bar(photos)
    watch = Watch(bar)
    with cluster(None):
        watch.start()
        read(folder / 'crops.parquet', folder / 'out', cheap_reader, bar)
        watch.is_over = True
        watch.join()
    for quarter in range(4):
        low, high = photos * quarter / 4, photos * (quarter + 1) / 4
        looks = [look for look in watch.looks if low <= look.photos < high or look.photos == high == photos]
        kinds = [DRIVER, *KINDS.values(), OTHERS, STORE, ALL]
        texts = []
        for kind in kinds:
            most = max((look.processes.get(kind, 0) for look in looks), default=0)
            peak = max((look.memory.get(kind, 0) for look in looks), default=0)
            texts.append(f'{kind} {f"{most} x " if most > 1 else ""}{peak:.0f} MB')
        print(f'quarter {quarter + 1}: {", ".join(texts)}')
    print(f'{bar.rate(0):.0f} photos/s; {_cpu_text(watch.cpu_per_photo(bar.times[0][0]))}')


def _cpu_text(times: dict[str, float]) -> str:
    return 'CPU, ms a photo: ' + ', '.join(f'{kind} {time:.2f}' for kind, time in times.items())


def measure_workers(workers: int, photos: int, source: Path, folder: Path) -> float:
    """Return photos/s of a cluster of so many cores, all of its processes included, once all actors are open."""

    def open_reader() -> PhotoReader:
        from custom.digit_reader import DigitReader

        reader = DigitReader(batch_size=1)  # as of tools/predict.py
        reader.read(np.full((SIDE, SIDE, 3), 128, np.uint8))  # the first photo takes longer
        (folder / 'opened' / str(os.getpid())).write_text(str(time.time()))
        return reader

    require_ray()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:workers])
    if usable_cores() != workers:
        raise SystemExit(f'{usable_cores()} instead of {workers} cores can be used')
    (folder / 'opened').mkdir(parents=True)
    began = time.time()
    bar = Bar(photos)
    watch = Watch(bar)
    with cluster(None):
        watch.start()
        read(source, folder / 'out', open_reader, bar)
        watch.is_over = True
        watch.join()
    opened = sorted(float(file.read_text()) for file in (folder / 'opened').iterdir())
    rate = bar.rate(opened[-1])
    print(
        f'  {workers} workers: {rate:.1f} photos/s; actors open after {[round(one - began) for one in opened]} s, '
        f'end after {time.time() - began:.0f} s; {_cpu_text(watch.cpu_per_photo(opened[-1]))}',
        flush=True,
    )
    return rate


def measure_actors(photos: int, rounds: int, images: Path | None, folder: Path) -> None:
    """Print photos/s of one worker on one core and of two on two cores in turn, and the ratio of each round."""
    source = folder / 'crops'
    source.mkdir()
    given = [path.read_bytes() for path in sorted(images.glob('*.png'))] if images else make_crops(min(photos, CROPS))
    for i, crop in enumerate(islice(cycle(given), photos)):
        (source / f'{i}.png').write_bytes(crop)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for i in range(rounds):
        for workers in (1, 2) if i % 2 == 0 else (2, 1):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
                out = folder / f'{i}-{workers}'
                rates[workers].append(pool.submit(measure_workers, workers, photos, source, out).result())
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    for workers, own in rates.items():
        print(f'{workers} workers: median {statistics.median(own):.1f} photos/s ({min(own):.1f} to {max(own):.1f})')
    print(f'ratio: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['memory', 'actors'])
    parser.add_argument('--photos', type=int, default=200_000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--images', type=Path, metavar='DIR', help='PNG files for actors, repeated; default: synthetic')
    args = parser.parse_args()
    require_ray()
    with tempfile.TemporaryDirectory() as folder:
        if args.what == 'memory':
            measure_memory(args.photos, Path(folder))
        else:
            measure_actors(args.photos, args.rounds, args.images, Path(folder))


if __name__ == '__main__':
    main()
