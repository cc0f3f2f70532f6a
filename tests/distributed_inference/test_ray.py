"""Runs on clusters of Ray on this machine, of which an actor, a node or the driver is killed."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.project import ROOT, run_tool
from helpers.ray_run import Grey, LoggingReader
from PIL import Image

from custom.distributed_inference.pipeline import Job, cluster, require_ray, run_shards
from custom.distributed_inference.results import summarise
from custom.distributed_inference.run_folder import RESULTS, RunFolder
from custom.distributed_inference.sources import plan_shards
from custom.inference.reader import PhotoReader
from custom.inference.views import PhotoViews
from custom.reading.settings import ReaderSettings

pytest.importorskip('ray.data', reason='no Ray Data: make ray-test installs requirements-ray.txt')

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.integration]

PHOTOS, MORE = 64, 16  # photos of the folder, and of the tar file in it
LIMIT = 400  # seconds until a run is taken for hanging
STORE = 100 << 20  # bytes of a node's object store
PATH = os.pathsep.join([str(ROOT), str(ROOT / 'tests')])


def png(grey):
    file = io.BytesIO()
    Image.new('L', (64, 64), grey).save(file, 'PNG')
    return file.getvalue()


@pytest.fixture(scope='module')
def nodes():
    """A cluster of two nodes with a core each, with which this process is connected."""
    from ray.cluster_utils import Cluster

    require_ray()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', PATH)
        patch.setenv('RAY_worker_niceness', '0')  # 15 by default, with which tests beside others take minutes
        nodes = Cluster()
        add_node(nodes, include_dashboard=False)
        add_node(nodes)
        with cluster(nodes.address):
            yield nodes
        nodes.shutdown()


def add_node(cluster, **options):
    """Add a node. A node has 30 s to start, which a busy machine exceeds."""
    for last in (False, False, True):
        try:
            return cluster.add_node(num_cpus=1, object_store_memory=STORE, **options)
        except Exception:
            if last:
                raise


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A folder of photos, one of which is damaged, and a tar file of more."""
    folder = tmp_path_factory.mktemp('photos')
    for i in range(PHOTOS):
        (folder / f'{i}.png').write_bytes(b'damaged' if i == 7 else png(i))
    with tarfile.open(folder / 'more.tar', 'w') as tar:
        for i in range(MORE):
            content = png(i)
            info = tarfile.TarInfo(f'{i}.png')
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return folder


class Progress:
    """A progress bar that nobody sees."""

    total = None

    def update(self, n):
        pass

    def close(self):
        pass


def lines_of(log):
    """The process and the name of each photo that was read."""
    return [tuple(line.split(' ', 1)) for line in log.read_text().splitlines()]


def results_of(out):
    return {path.name: path.read_bytes() for path in sorted((out / RESULTS).glob('*.parquet'))}


class Run(threading.Thread):
    """A run whose driver is this process."""

    def __init__(self, source, folder, pause):
        super().__init__(daemon=True)
        self.log, self.out, self.fault = folder / 'log.txt', folder / 'out', None
        self.log.touch()
        self.pause = pause
        self.folder = RunFolder.create(self.out, plan_shards([str(source)]), {})
        self.start()

    def run(self):
        try:
            run_shards(self.folder, Job(partial(LoggingReader, str(self.log), self.pause), 0), Progress())
        except BaseException as error:
            self.fault = error

    def wait_for_photos(self, count):
        """Wait until both actors have read photos, together this number."""
        until = time.monotonic() + LIMIT
        while len(lines := lines_of(self.log)) < count or len({process for process, _ in lines}) < 2:
            assert self.is_alive() and time.monotonic() < until, self.fault
            time.sleep(0.05)

    def end(self):
        """Wait for the end. One photo is damaged."""
        self.join(LIMIT)
        assert not self.is_alive() and self.fault is None, self.fault
        assert summarise(self.folder.files())[:2] == (PHOTOS + MORE, 1)


@pytest.fixture(scope='module')
def undisturbed(nodes, source, tmp_path_factory):
    run = Run(source, tmp_path_factory.mktemp('undisturbed'), 0.1)
    run.end()
    return run


def test_the_answers_equal_those_of_one_process(undisturbed, source):
    from pyarrow import parquet

    table = parquet.read_table(undisturbed.out / RESULTS)
    rows = {row['file']: row for row in table.to_pylist()}
    reader = PhotoReader(Grey(), PhotoViews((64, 64)), ReaderSettings(), batch_size=1)
    assert len(table) == len(rows) == PHOTOS + MORE
    for i in range(PHOTOS):
        row = rows[f'{source}/{i}.png']
        if i == 7:
            assert row['number'] is None and row['error'].startswith(f'{source}/7.png: is not a photo')
            continue
        reading = reader.read(source / f'{i}.png')
        assert (row['number'], row['confidence'], row['error']) == (str(i % 10), reading.confidence, None)
        assert row['boxes'] == [list(digit.bbox) for digit in reading.digits]
        if i < MORE:
            assert {**rows[f'{source}/more.tar/{i}.png'], 'file': row['file']} == row
    assert len({process for process, _ in lines_of(undisturbed.log)}) == 2


def test_an_actor_that_is_killed(nodes, source, undisturbed, tmp_path):
    run = Run(source, tmp_path, 0.3)
    run.wait_for_photos(16)
    os.kill(int(lines_of(run.log)[-1][0]), signal.SIGKILL)
    run.end()
    assert len({process for process, _ in lines_of(run.log)}) == 3
    assert results_of(run.out) == results_of(undisturbed.out)


def test_a_node_that_is_killed(nodes, source, undisturbed, tmp_path):
    run = Run(source, tmp_path, 0.3)
    run.wait_for_photos(16)
    (lost,) = nodes.worker_nodes
    nodes.remove_node(lost, allow_graceful=False)
    try:
        run.end()
    finally:
        add_node(nodes)
    assert results_of(run.out) == results_of(undisturbed.out)


def start_driver(source, folder, *options):
    """Start a driver with a cluster of its own, in a process of its own."""
    (folder / 'log.txt').touch()
    command = [sys.executable, ROOT / 'tests/helpers/ray_run.py', 'log.txt', source, '--out', 'out', '--engine', 'ray']
    env = {**os.environ, 'PYTHONPATH': PATH}
    command = [*map(str, command), *options]
    return subprocess.Popen(command, env=env, cwd=folder, stderr=subprocess.PIPE, text=True)


def test_a_driver_that_is_killed(undisturbed, source, tmp_path):
    from pyarrow import parquet

    driver, until = start_driver(source, tmp_path), time.monotonic() + LIMIT
    while len(results_of(tmp_path / 'out')) < 2:
        assert driver.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    driver.kill()
    driver.communicate()
    before, finished = lines_of(tmp_path / 'log.txt'), results_of(tmp_path / 'out')
    assert len(finished) < len(results_of(undisturbed.out))
    for process in {int(process) for process, _ in before}:  # its cluster ends with the driver
        while Path(f'/proc/{process}').exists():
            assert time.monotonic() < until
            time.sleep(0.1)
    before = lines_of(tmp_path / 'log.txt')
    again = start_driver(source, tmp_path, '--resume')
    _, err = again.communicate(timeout=LIMIT)
    assert again.returncode == 1, err
    assert f'{len(finished)} of {len(results_of(undisturbed.out))} shards' in err
    assert 'error: 1 photos could not be read; first: ' in err
    assert results_of(tmp_path / 'out') == results_of(undisturbed.out)
    tables = [parquet.read_table(tmp_path / 'out' / RESULTS / name) for name in finished]
    done = {name for table in tables for name in table['file'].to_pylist()}
    assert not done & {name for _, name in lines_of(tmp_path / 'log.txt')[len(before) :]}
    assert (tmp_path / 'out/numbers.csv').exists()


def test_the_tool_gives_the_bytes_of_one_process(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'in').mkdir()
    for i, (width, height) in enumerate([(100, 50), (64, 64), (200, 60), (400, 300), (37, 80), (120, 48)] * 2):
        pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        pixels[height // 4 : -height // 4, width // 3 : width // 2] = 255
        Image.fromarray(pixels).save(tmp_path / 'in' / f'{i}.png')
    one = run_tool('predict.py', 'in', '--out', 'one', '--batch-size', 1, cwd=tmp_path, OMP_NUM_THREADS='1')
    assert one.returncode == 0, one.stderr
    many = run_tool('predict.py', 'in', '--out', 'many', '--engine', 'ray', cwd=tmp_path, fresh=True)
    assert many.returncode == 0, many.stderr
    for name in ('numbers.csv', 'pred.json'):
        assert (tmp_path / 'one' / name).read_bytes() == (tmp_path / 'many' / name).read_bytes()


def test_an_error_of_the_model_is_one_line(tmp_path):
    Image.new('RGB', (64, 64)).save(tmp_path / '1.png')
    options = ['--out', 'out', '--engine', 'ray', '--checkpoint', 'gone.pth', '--quiet']
    done = run_tool('predict.py', '1.png', *options, cwd=tmp_path, fresh=True)
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1 and done.stderr.startswith('error: ') and 'gone.pth' in done.stderr
    assert not (tmp_path / 'out').exists()
