#!/bin/sh
# Ray Data decodes the .jpg and .png photos of a WebDataset tar file, and hands out those called .jpeg or .JPG as bytes.
#
# ray 2.60.0. Expected: read_webdataset gives pixels for a photo, whichever of the usual suffixes it has. The webdataset
# library decodes jpeg as jpg, and Ray's own write_webdataset encodes a column called jpeg as a photo. Seen: pixels for
# jpg and png; the content of the file, as bytes, for jpeg and JPG, without a warning. What write_webdataset wrote is
# not what read_webdataset returns: an array (4, 6, 3) goes in, bytes come out.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'ray[data]==2.60.0' pyarrow==26.0.1 pandas==3.1.1 numpy==2.2.6 pillow==13.0.0
cd "$folder"
cat >read.py <<'PYTHON'
import io
import tarfile
from importlib.metadata import version

import numpy as np
import ray
from PIL import Image

pixels = np.full((4, 6, 3), 200, np.uint8)
with tarfile.open('photos.tar', 'w') as tar:
    for suffix in ('jpg', 'png', 'jpeg', 'JPG'):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, 'PNG' if suffix == 'png' else 'JPEG')
        info = tarfile.TarInfo(f'house.{suffix}')
        info.size = file.tell()
        tar.addfile(info, io.BytesIO(file.getvalue()))

ray.init('local', num_cpus=1, object_store_memory=100 << 20, include_dashboard=False, log_to_driver=False)
(row,) = ray.data.read_webdataset('photos.tar').take_all()
kinds = {suffix: type(row[suffix]).__name__ for suffix in ('jpg', 'png', 'jpeg', 'JPG')}
ray.data.from_items([{'__key__': 'house', 'jpeg': pixels}]).write_webdataset('written')
(back,) = ray.data.read_webdataset('written').take_all()
print(f'ray {version("ray")}: read {kinds}; written {pixels.shape}, read back {type(back["jpeg"]).__name__}')
assert kinds == {'jpg': 'ndarray', 'png': 'ndarray', 'jpeg': 'bytes', 'JPG': 'bytes'}
assert isinstance(back['jpeg'], bytes) and back['jpeg'][:2] == b'\xff\xd8'
PYTHON
RAY_USAGE_STATS_ENABLED=0 venv/bin/python read.py
