"""Pipeline of Ray Data: actors load shards, others read numbers, and the driver writes the results of finished shards.

Ray Data schedules, streams, limits the memory by back-pressure, restarts actors and repeats lost work. Its readers of
files are not used: they end the run at the first file that cannot be read, and a photo needs its place in its shard.
"""

import contextlib
import dataclasses
import json
import logging
import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..inference.answers import answer_of
from ..inference.reader import PhotoReader
from ..utils.cores import usable_cores
from ..utils.errors import UserError
from ..utils.messages import one_line
from .results import placed_schema, row_of, utf8, write_shard
from .run_folder import RunFolder
from .shards import Loaded, Shard, is_remote, load_shard

if TYPE_CHECKING:
    import pyarrow

ROOT = Path(__file__).resolve().parents[2]
INSTALL = 'pip install -r requirements-ray.txt'
STORE = 512 << 20  # bytes of Ray's object store on a machine of our own; spilled to disk beyond
BLOCK, LARGEST_BLOCK = 1 << 20, 16 << 20  # bytes of decoded photos in one task of an actor
ACTORS_PER_BLOCK = 8  # the driver starts a bounded number of tasks/s: more actors, larger blocks
ACTORS_PER_LOADER = 3  # decoding a photo of 12 megapixels takes less than a third of the time of the model
CHUNK = 1 << 18  # bytes of decoded photos that are handed to Ray at a time


@dataclasses.dataclass(frozen=True)
class Job:
    """What the actors do.

    Args:
        open_reader: opens the reader, in a process of Ray. It reads one photo at a time: on a GPU the photos of a batch
            are padded to one size, and their scores depend on it.
        min_confidence: 0..1, below which an answer is "unsure".
        digits: number of digits of each number. Defaults to None, unknown.
        folder: to which relative paths are relative. Defaults to '', that of the process.
    """

    open_reader: Callable[[], PhotoReader]
    min_confidence: float
    digits: int | None = None
    folder: str = ''


class Progress(Protocol):
    """Progress bar as tqdm's; `total` is the number of photos, None while it is unknown."""

    total: float | None

    def update(self, n: float) -> Any:
        """Count `n` more photos."""

    def close(self) -> Any:
        """Remove the bar."""


def require_ray() -> None:
    """Raise UserError, with the command that installs it, unless Ray Data can be imported."""
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')  # nothing is sent to Ray's makers
    try:
        import fsspec  # noqa: F401
        import pyarrow  # noqa: F401
        import ray.data  # noqa: F401
    except ImportError as error:
        raise UserError(f'--engine ray needs Ray Data ({one_line(error)}); {INSTALL}') from None


@contextlib.contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Connect to a cluster of Ray, or start one on this machine if `address` is None, and leave it at the end.

    Raises:
        UserError: there is no cluster at the address, or it runs another version of Ray or Python.
    """
    import ray

    logging.getLogger('ray.data').setLevel(logging.ERROR)  # plans and tips of each execution
    # Ray's processes search the folder of the script and the current one alone.
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])])
    options: dict[str, Any] = {'runtime_env': {'env_vars': {'PYTHONPATH': path}}}
    if address is None:
        os.environ['PYTHONPATH'] = path  # inherited, which is faster than an environment of the run
        os.environ.setdefault('RAY_worker_niceness', '0')  # as one process has; 15 by default
        options = {'num_cpus': usable_cores(), 'object_store_memory': STORE, 'include_dashboard': False}
    try:
        ray.init(address or 'local', logging_level=logging.ERROR, **options)
    except Exception as error:  # of many kinds, Exception itself among them
        if address is None:
            raise UserError(f'Ray cannot be started on this machine ({one_line(error)}); try again') from None
        way = '`ray start --head` starts a cluster on its first machine; leave --address out for this machine alone'
        raise UserError(f'{address}: no connection to a cluster ({one_line(error)}); {way}') from None
    try:
        yield
    finally:
        ray.shutdown()


def facts_of_reader(job: Job) -> dict[str, Any]:
    """Open the reader in a process of Ray; return its settings and options.

    Raises:
        UserError: of the reader.
    """
    import ray

    def facts() -> dict[str, Any]:
        _enter(job.folder)
        reader = job.open_reader()
        return {'settings': reader.settings.to_dict(), 'options': dataclasses.asdict(reader.options)}

    with _as_user_errors():
        return ray.get(ray.remote(facts).options(**_per_actor()).remote())


def run_shards(run: RunFolder, job: Job, progress: Progress) -> None:
    """Read the open shards of a run and write their results.

    Raises:
        UserError: the reader cannot be opened on a machine, results cannot be written, or Ray ends the run.
    """
    numbers = run.open_shards()
    if not numbers:
        return
    sink = Sink(run, numbers, progress)
    with _as_user_errors():
        for table in _dataset([(number, run.shards[number]) for number in numbers], job).iter_batches(
            batch_size=None, batch_format='pyarrow'
        ):
            sink.add(table)
    sink.end()


class Sink:
    """Results of the photos of open shards; a shard is written when all its photos are there.

    Args:
        run: of the shards.
        numbers: of the open shards.
        progress: counts the photos.
    """

    def __init__(self, run: RunFolder, numbers: list[int], progress: Progress) -> None:
        self.run, self.progress = run, progress
        self.open = set(numbers)
        self.tables: dict[int, list[pyarrow.Table]] = {}
        self.rows: dict[int, set[int]] = {}
        self.counts: dict[int, int] = {}  # of the open shards whose last photo was seen
        self.finished = self.photos = 0  # shards that were written, and their photos
        known = [shard.count for shard in run.shards if shard.count is not None]
        self.known, self.unknown = sum(known), len(run.shards) - len(known)  # photos, and shards of unknown counts
        self._estimate()

    def add(self, table: 'pyarrow.Table') -> None:
        """Add rows of `placed_schema`, in any order. Rows that are there already are left out."""
        import pyarrow as pa
        from pyarrow import compute

        for shard in compute.unique(table['shard']).to_pylist():
            if shard not in self.open:
                continue
            own = table.filter(compute.equal(table['shard'], shard))
            rows = self.rows.setdefault(shard, set())
            index = own['index'].to_pylist()
            own = own.filter(pa.array([i not in rows for i in index]))
            rows.update(index)
            self.tables.setdefault(shard, []).append(own)
            self.progress.update(len(own))
            if last := own.filter(own['last'])['index'].to_pylist():
                self.counts[shard] = last[0] + 1
            if len(rows) == self.counts.get(shard):
                write_shard(self.run.file_of(shard), pa.concat_tables(self.tables.pop(shard)))
                self._finish(shard)

    def _finish(self, shard: int) -> None:
        self.open.remove(shard)
        del self.rows[shard]
        count, given = self.counts.pop(shard), self.run.shards[shard].count
        self.finished, self.photos = self.finished + 1, self.photos + count
        self.known, self.unknown = self.known + count - (given or 0), self.unknown - (given is None)
        self._estimate()

    def end(self) -> None:
        """Raise UserError unless all shards were written."""
        if self.open:
            raise UserError(f'{self.run.path}: {len(self.open)} shards are not finished; go on with --resume')

    def _estimate(self) -> None:
        """Set the total of the progress; a shard of unknown count counts as the mean of the written ones."""
        if not self.unknown:
            self.progress.total = self.known
        elif self.finished:
            self.progress.total = self.known + round(self.unknown * self.photos / self.finished)


def _dataset(shards: list[tuple[int, Shard]], job: Job) -> Any:
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    per_actor = _per_actor()
    resources = ray.cluster_resources()
    cores = max(1, int(resources.get('CPU', 1)))
    on_gpus = 'num_gpus' in per_actor
    actors = max(1, int(resources['GPU'])) if on_gpus else cores
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = min(LARGEST_BLOCK, BLOCK * max(1, actors // ACTORS_PER_BLOCK))
    context.max_consecutive_actor_init_deaths = 2  # of a machine that is lost just then
    rows = [{'shard': number, 'content': json.dumps(shard.to_dict())} for number, shard in shards]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
    # Loading takes no share of the cores in Ray's books, or the readers would leave none for it. Tasks instead of
    # actors would start a process for each shard: Ray ends waiting processes beyond the number of cores.
    dataset = dataset.map_batches(
        _Loader,
        fn_constructor_args=(job.folder,),
        batch_size=1,
        batch_format='pyarrow',
        compute=ActorPoolStrategy(min_size=1, max_size=cores if on_gpus else loaders_for(shards, cores)),
        num_cpus=0,
    )
    return dataset.map_batches(
        _Reader,
        fn_constructor_args=(job,),
        batch_size=None,
        batch_format='pyarrow',
        compute=ActorPoolStrategy(size=actors),
        **per_actor,
    )


def loaders_for(shards: list[tuple[int, Shard]], actors: int) -> int:
    """Return the number of loaders for actors on CPUs: one for some of them, or as many if loaders wait for a network.

    Ray Data starts that many soon after the start. Each takes CPU time to start, and 240 MB.
    """
    remote = any(is_remote(name) for _, shard in shards for name in (shard.container, *shard.photos))
    return actors if remote else math.ceil(actors / ACTORS_PER_LOADER)


def _per_actor() -> dict[str, Any]:
    """Return the resources of an actor: a core, and a GPU if the cluster has any."""
    import ray

    return {'num_cpus': 1, **({'num_gpus': 1} if ray.cluster_resources().get('GPU') else {})}


def _enter(folder: str) -> None:
    """Change to a folder, unless this machine has none of that path: nothing may be relative to it."""
    with contextlib.suppress(OSError):
        os.chdir(folder)


class _Loader:
    """Loader of shards, in a process of its own."""

    def __init__(self, folder: str) -> None:
        _enter(folder)

    def __call__(self, shards: 'pyarrow.Table') -> 'Iterator[pyarrow.Table]':
        """Load one shard; yield its photos in chunks, as pixels or with an error."""
        yield from _load(shards)


def _load(batch: 'pyarrow.Table') -> 'Iterator[pyarrow.Table]':
    (number,), (content,) = batch['shard'].to_pylist(), batch['content'].to_pylist()
    chunk: list[dict[str, Any]] = []
    size = 0
    for index, (name, pixels) in enumerate(load_shard(Shard.from_dict(json.loads(content)))):
        if size > CHUNK:  # only now it is known that the last photo of the chunk is not the last one of the shard
            yield _pixel_table(chunk)
            chunk, size = [], 0
        row = {'shard': number, 'index': index, 'last': False, 'file': utf8(name)}
        if isinstance(pixels, UserError):
            row['error'] = utf8(pixels)
        else:
            row |= {'height': pixels.shape[0], 'width': pixels.shape[1], 'pixels': pixels.tobytes()}
            size += pixels.nbytes
        chunk.append(row)
    chunk[-1]['last'] = True
    yield _pixel_table(chunk)


def _pixel_table(rows: list[dict[str, Any]]) -> 'pyarrow.Table':
    import pyarrow as pa

    places = [field for field in placed_schema() if field.name in ('shard', 'index', 'last', 'file', 'error')]
    sizes = [pa.field('height', pa.int32()), pa.field('width', pa.int32()), pa.field('pixels', pa.binary())]
    return pa.Table.from_pylist(rows, schema=pa.schema([*places, *sizes]))


class _Reader:
    """Reader of the photos of `_Loader`, in a process of its own."""

    def __init__(self, job: Job) -> None:
        _enter(job.folder)
        self.job = job
        self.reader = job.open_reader()

    def __call__(self, photos: 'pyarrow.Table') -> 'pyarrow.Table':
        """Return the rows of `placed_schema`, one for each photo."""
        import numpy as np
        import pyarrow as pa

        rows = []
        for row, pixels in zip(photos.drop_columns('pixels').to_pylist(), photos['pixels'], strict=True):
            if row['error'] is None:
                shape = row['height'], row['width'], 3
                loaded = Loaded(row['file'], np.frombuffer(pixels.as_buffer(), np.uint8).reshape(shape))
            else:
                loaded = Loaded(row['file'], UserError(row['error']))
            place = {key: row[key] for key in ('shard', 'index', 'last')}
            rows.append(place | row_of(row['file'], self._answer(loaded)))
        return pa.Table.from_pylist(rows, schema=placed_schema())

    def _answer(self, loaded: Loaded) -> Any:
        if isinstance(loaded.pixels, UserError):
            return loaded.pixels
        try:
            reading = self.reader.read(loaded.pixels, one_line(loaded.name))
        except UserError as error:
            return error
        return answer_of(0, Path(loaded.name), reading, self.job.min_confidence, self.job.digits)


@contextlib.contextmanager
def _as_user_errors() -> Iterator[None]:
    """Turn an error of the reader in a process of Ray, and an error of Ray itself, into a UserError of one line."""
    import ray

    try:
        yield
    except ray.exceptions.RayError as error:
        text = str(error)
        if own := re.findall(r'UserError: (.+)', text):
            raise UserError(own[-1].strip()) from None
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        raise UserError(f'Ray ended the run ({one_line(lines[-1])[:300]}); go on with --resume') from error
