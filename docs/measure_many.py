"""Figures of docs/many_machines.md: memory over many photos, and two actors against one.

python docs/measure_many.py memory --photos 200000
python docs/measure_many.py actors --photos 500 --rounds 3
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
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

ROOT = Path(__file__).resolve().parents[1]
CROPS, SIDE = 2000, 64  # different crops, which are repeated; pixels
PERIOD = 1.0  # seconds between looks at the processes
KINDS = {'_Reader': 'actor', '_Loader': 'loader', 'raylet/raylet': 'raylet', 'gcs_server': 'control store'}


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


def real_reader() -> PhotoReader:
    """Open the reader of tools/predict.py --engine ray."""
    from custom.digit_reader import DigitReader

    return DigitReader(batch_size=1)


def make_crops(count: int) -> list[bytes]:
    """Draw synthetic house numbers, and return each as PNG of SIDE x SIDE pixels."""
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
                image.convert('RGB').resize((SIDE, SIDE)).save(file, 'PNG')
            crops.append(file.getvalue())
    return crops


def write_parquet(path: Path, photos: int) -> None:
    """Write a Parquet file of CROPS crops that are repeated, 1,000 in a row group."""
    import pyarrow as pa
    from pyarrow import parquet

    crops = make_crops(min(photos, CROPS))
    with parquet.ParquetWriter(path, pa.schema([('bytes', pa.binary()), ('key', pa.string())])) as writer:
        for start in range(0, photos, 1000):
            rows = range(start, min(start + 1000, photos))
            table = {'bytes': [crops[i % len(crops)] for i in rows], 'key': [f'{i}.png' for i in rows]}
            writer.write_table(pa.table(table))


class Look(NamedTuple):
    """State of the processes of a run, by kind, after a number of photos.

    `memory` is the largest resident memory without shared memory, in MB. `cpu` is the CPU time of all, in seconds.
    """

    photos: float
    memory: dict[str, float]
    cpu: dict[str, float]


class Watch(threading.Thread):
    """Looks at the processes of a run every PERIOD seconds."""

    def __init__(self, bar: 'Bar') -> None:
        super().__init__(daemon=True)
        self.bar = bar
        self.looks: list[Look] = []
        self.is_over = False

    def run(self) -> None:
        """Look until `is_over`."""
        while not self.is_over:
            self.looks.append(self._look())
            time.sleep(PERIOD)

    def cpu_per_photo(self) -> dict[str, float]:
        """Return the CPU time of each kind in ms a photo, from the first results on."""
        first, last = next(look for look in self.looks if look.photos), self.looks[-1]
        count = last.photos - first.photos
        return {kind: 1000 * (last.cpu[kind] - first.cpu.get(kind, 0)) / count for kind in last.cpu}

    def _look(self) -> Look:
        memory: dict[str, float] = defaultdict(float)
        cpu: dict[str, float] = defaultdict(float)
        for status in Path('/proc').glob('[0-9]*/status'):
            try:
                name = (status.parent / 'cmdline').read_bytes().replace(b'\0', b' ').decode()
                fields = dict(line.split(':', 1) for line in status.read_text().splitlines() if ':' in line)
                times = (status.parent / 'stat').read_text().rpartition(') ')[2].split()
            except OSError:  # the process has ended
                continue
            kind = next((kind for part, kind in KINDS.items() if part in name), '')
            if int(status.parent.name) == os.getpid():
                kind = 'driver'
            if kind and 'VmRSS' in fields:
                own = int(fields['VmRSS'].split()[0]) - int(fields.get('RssShmem', '0 kB').split()[0])
                memory[kind] = max(memory[kind], own / 1024)
                cpu[kind] += (int(times[11]) + int(times[12])) / os.sysconf('SC_CLK_TCK')
        return Look(self.bar.count, memory, cpu)


class Bar:
    """Count of photos, with the time of the first and of the last one."""

    total = None

    def __init__(self) -> None:
        self.count = 0.0
        self.times: list[tuple[float, float]] = []

    def update(self, n: float) -> None:
        """Count `n` more photos."""
        self.count += n
        self.times.append((time.monotonic(), self.count))

    def close(self) -> None:
        """Do nothing."""

    def rate(self) -> float:
        """Photos/s between the first and the last results, without the start of Ray and of the actors."""
        (first, before), (last, after) = self.times[0], self.times[-1]
        return (after - before) / (last - first)


def read(source: Path, out: Path, reader, bar: Bar) -> None:
    """Read a source into a folder, on the cluster that is connected."""
    run = RunFolder.create(out, plan_shards([str(source)]), {})
    run_shards(run, Job(reader, 0), bar)
    print(f'  {out.name}: {summarise(run.files())[:2]} photos and errors, {bar.rate():.1f} photos/s', flush=True)


def measure_memory(photos: int, folder: Path) -> None:
    """Print the peak of each kind of process in each quarter of the photos."""
    write_parquet(folder / 'crops.parquet', photos)
    size = (folder / 'crops.parquet').stat().st_size / 1e6
    print(f'{photos} crops of {SIDE}x{SIDE} px, {size:.0f} MB of Parquet; a detector that costs nothing', flush=True)
    bar = Bar()
    watch = Watch(bar)
    watch.start()
    with cluster(None):
        read(folder / 'crops.parquet', folder / 'out', cheap_reader, bar)
    watch.is_over = True
    for quarter in range(4):
        low, high = photos * quarter / 4, photos * (quarter + 1) / 4
        looks = [look for look in watch.looks if low <= look.photos < high or look.photos == high == photos]
        peaks = {
            kind: max((look.memory.get(kind, 0) for look in looks), default=0) for kind in ('driver', *KINDS.values())
        }
        print(f'quarter {quarter + 1}: ' + ', '.join(f'{kind} {peak:.0f} MB' for kind, peak in peaks.items()))


def measure_actors(photos: int, rounds: int, folder: Path) -> None:
    """Print photos/s of one and of two actors in turn, the ratio of each round, and the CPU time of each process."""
    import ray

    source = folder / 'crops'
    source.mkdir()
    for i, crop in enumerate(make_crops(photos)):
        (source / f'{i}.png').write_bytes(crop)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for i in range(rounds):
        for actors in (1, 2) if i % 2 == 0 else (2, 1):
            options = {'num_cpus': actors, 'object_store_memory': 500 << 20, 'include_dashboard': False}
            ray.init('local', log_to_driver=False, **options)
            bar = Bar()
            watch = Watch(bar)
            watch.start()
            read(source, folder / f'{i}-{actors}', real_reader, bar)
            watch.is_over = True
            watch.join()
            rates[actors].append(bar.rate())
            ray.shutdown()
            times = watch.cpu_per_photo()
            print('  CPU, ms a photo: ' + ', '.join(f'{kind} {time:.1f}' for kind, time in times.items()), flush=True)
    ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
    for actors, own in rates.items():
        print(f'{actors} actors: median {statistics.median(own):.1f} photos/s ({min(own):.1f} to {max(own):.1f})')
    print(f'ratio: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=['memory', 'actors'])
    parser.add_argument('--photos', type=int, default=200_000)
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    require_ray()
    with tempfile.TemporaryDirectory() as folder:
        if args.what == 'memory':
            measure_memory(args.photos, Path(folder))
        else:
            measure_actors(args.photos, args.rounds, Path(folder))


if __name__ == '__main__':
    main()
