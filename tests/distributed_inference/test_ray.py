"""Runs on clusters of Ray on this machine, of which an actor, a node or the driver is killed."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.project import ROOT, run_tool
from helpers.ray_run import Grey
from PIL import Image

from custom.distributed_inference.run_folder import RESULTS
from custom.inference.reader import PhotoReader
from custom.inference.views import PhotoViews
from custom.reading.settings import ReaderSettings

pytest.importorskip('ray.data', reason='no Ray Data: make ray-test installs requirements-ray.txt')

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.integration]

PHOTOS, LIMIT = 200, 200  # photos of the folder; seconds until a run is taken for hanging
STORE = 100 << 20  # bytes of a node's object store


def png(grey):
    file = io.BytesIO()
    Image.new('L', (64, 64), grey).save(file, 'PNG')
    return file.getvalue()


@pytest.fixture(scope='module')
def nodes():
    """A cluster of two nodes with a core each."""
    from ray.cluster_utils import Cluster

    node = {'num_cpus': 1, 'object_store_memory': STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**node, 'include_dashboard': False})
    cluster.add_node(**node)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A folder of photos, one of which is damaged, and a tar file of 40 photos."""
    folder = tmp_path_factory.mktemp('photos')
    for i in range(PHOTOS):
        (folder / f'{i}.png').write_bytes(b'damaged' if i == 7 else png(i))
    with tarfile.open(folder / 'more.tar', 'w') as tar:
        for i in range(40):
            content = png(i)
            info = tarfile.TarInfo(f'{i}.png')
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return folder


class Run:
    """A driver, which is started in a process of its own."""

    def __init__(self, nodes, source, folder, *options):
        self.log, self.out = folder / 'log.txt', folder / 'out'
        self.log.touch()
        command = [sys.executable, ROOT / 'tests/helpers/ray_run.py', self.log, source, '--out', self.out]
        command += ['--engine', 'ray', '--address', nodes.address, *options]
        env = {**os.environ, 'PYTHONPATH': str(ROOT)}
        pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True}
        self.process = subprocess.Popen([*map(str, command)], env=env, cwd=folder, **pipes)

    def lines(self):
        """The process and the name of each photo that was read."""
        return [tuple(line.split(' ', 1)) for line in self.log.read_text().splitlines()]

    def results(self):
        return {path.name: path.read_bytes() for path in sorted((self.out / RESULTS).glob('*.parquet'))}

    def wait_until(self, condition):
        until = time.monotonic() + LIMIT
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until
            time.sleep(0.05)

    def end(self):
        """Wait for the driver. One photo is damaged, so that its exit code is 1."""
        _, err = self.process.communicate(timeout=LIMIT)
        assert self.process.returncode == 1, err
        assert '240 photos' in err and 'error: 1 photos could not be read; first: ' in err
        return err


@pytest.fixture(scope='module')
def undisturbed(nodes, source, tmp_path_factory):
    run = Run(nodes, source, tmp_path_factory.mktemp('undisturbed'))
    run.end()
    return run


def test_the_answers_equal_those_of_one_process(undisturbed, source):
    from pyarrow import parquet

    table = parquet.read_table(undisturbed.out / RESULTS)
    rows = {row['file']: row for row in table.to_pylist()}
    reader = PhotoReader(Grey(), PhotoViews((64, 64)), ReaderSettings(), batch_size=1)
    assert len(table) == len(rows) == PHOTOS + 40
    for i in range(PHOTOS):
        row = rows[f'{source}/{i}.png']
        if i == 7:
            assert row['number'] is None and row['error'].startswith(f'{source}/7.png: is not a photo')
            continue
        reading = reader.read(source / f'{i}.png')
        assert (row['number'], row['confidence'], row['error']) == (str(i % 10), reading.confidence, None)
        assert row['boxes'] == [list(digit.bbox) for digit in reading.digits]
        if i < 40:
            assert {**rows[f'{source}/more.tar/{i}.png'], 'file': row['file']} == row
    processes = {process for process, _ in undisturbed.lines()}
    assert len(processes) == 2
    assert len((undisturbed.out / 'numbers.csv').read_text().splitlines()) == PHOTOS + 40


def test_an_actor_that_is_killed(nodes, source, undisturbed, tmp_path):
    run = Run(nodes, source, tmp_path)
    run.wait_until(lambda: len(run.lines()) > 60)
    os.kill(int(run.lines()[-1][0]), signal.SIGKILL)
    run.end()
    assert len({process for process, _ in run.lines()}) == 3
    assert run.results() == undisturbed.results()


def test_a_driver_that_is_killed(nodes, source, undisturbed, tmp_path):
    run = Run(nodes, source, tmp_path)
    run.wait_until(lambda: len(run.results()) >= 3)
    run.process.send_signal(signal.SIGKILL)
    run.process.communicate()
    finished, before = run.results(), len(run.lines())
    assert len(finished) < len(undisturbed.results())
    again = Run(nodes, source, tmp_path)
    assert '--resume' in again.process.communicate(timeout=LIMIT)[1]
    assert again.process.returncode == 1  # a UserError, which ends in a traceback here
    again = Run(nodes, source, tmp_path, '--resume')
    assert f'{len(finished)} of {len(undisturbed.results())} shards' in again.end()
    assert again.results() == undisturbed.results()
    from pyarrow import parquet

    done = {name for file in finished for name in parquet.read_table(again.out / RESULTS / file)['file'].to_pylist()}
    assert not done & {name for _, name in again.lines()[before:]}


def test_a_node_that_is_killed(nodes, source, undisturbed, tmp_path):
    run = Run(nodes, source, tmp_path)
    run.wait_until(lambda: len({process for process, _ in run.lines()}) == 2 and len(run.lines()) > 60)
    (lost,) = nodes.worker_nodes
    nodes.remove_node(lost, allow_graceful=False)
    try:
        run.end()
    finally:
        nodes.add_node(num_cpus=1, object_store_memory=STORE)
    assert run.results() == undisturbed.results()


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


def test_no_process_of_ray_is_left(tmp_path):
    """A driver without a cluster of its own that is killed takes its cluster with it."""
    folder = tmp_path / 'in'
    folder.mkdir()
    for i in range(100):
        (folder / f'{i}.png').write_bytes(png(i))
    (tmp_path / 'log.txt').touch()
    command = [sys.executable, ROOT / 'tests/helpers/ray_run.py', 'log.txt', 'in', '--out', 'out', '--engine', 'ray']
    env = {**os.environ, 'PYTHONPATH': str(ROOT)}
    driver = subprocess.Popen([*map(str, command)], env=env, cwd=tmp_path, stderr=subprocess.DEVNULL)
    until = time.monotonic() + LIMIT
    while not (lines := (tmp_path / 'log.txt').read_text().splitlines()):
        assert time.monotonic() < until and driver.poll() is None
        time.sleep(0.1)
    driver.kill()
    driver.wait()
    while Path(f'/proc/{lines[0].split()[0]}').exists():
        assert time.monotonic() < until
        time.sleep(0.1)
