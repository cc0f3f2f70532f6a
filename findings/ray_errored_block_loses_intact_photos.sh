#!/bin/sh
# Ray Data's tolerance of errors costs whole blocks: one photo that cannot be decoded takes intact ones with it.
#
# ray 2.60.0. Expected: with DataContext.max_errored_blocks, a run over photos of which one is truncated gives all others,
# as a loader that skips a bad photo does. Seen: read_images gives 6 of 12 photos with two read tasks, and none with one
# task. count() after the read says nothing of the lost ones, and no column names them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'ray[data]==2.60.0' pyarrow==26.0.1 pandas==3.1.1 numpy==2.2.6 pillow==13.0.0
cd "$folder"
cat >read.py <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import ray
from PIL import Image

Path('photos').mkdir()
for i in range(12):
    Image.new('RGB', (600, 400), (i, 0, 0)).save(f'photos/{i:02}.jpg')
last = Path('photos/11.jpg')
last.write_bytes(last.read_bytes()[:900])  # a copy that was cut off

ray.init('local', num_cpus=1, object_store_memory=200 << 20, include_dashboard=False, log_to_driver=False)
ray.data.DataContext.get_current().max_errored_blocks = 1
counts = {}
for tasks in (1, 2, 12):
    rows = ray.data.read_images('photos', override_num_blocks=tasks).materialize()
    counts[tasks] = rows.count()
print(f'ray {version("ray")}: intact photos 11; read with 1, 2, 12 tasks: {list(counts.values())}')
assert counts == {1: 0, 2: 6, 12: 11}, counts
PYTHON
RAY_USAGE_STATS_ENABLED=0 venv/bin/python read.py
