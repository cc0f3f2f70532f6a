#!/bin/sh
# supervision reads a YOLO data.yaml whose `names` is a dictionary by the order of its keys, and drops the keys.
#
# supervision 0.31.2. Expected: names: {1: zero, 2: one} calls class 1 zero, as Ultralytics does. Seen: class 1 is read
# as one, without a warning, as long as no label uses the last number.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet supervision==0.31.2
cd "$folder"
venv/bin/python -W ignore - <<'PYTHON'
from pathlib import Path

import supervision
from PIL import Image

Path('images').mkdir()
Path('labels').mkdir()
Image.new('RGB', (100, 60)).save('images/1.png')
Path('labels/1.txt').write_text('1 0.2 0.5 0.2 0.6\n')
Path('data.yaml').write_text('names: {1: zero, 2: one}\n')
data = supervision.DetectionDataset.from_yolo('images', 'labels', 'data.yaml')
_, _, detections = next(iter(data))
name = data.classes[int(detections.class_id[0])]
print(f'supervision {supervision.__version__}: class 1 of names {{1: zero, 2: one}} is read as {name}')
assert (data.classes, name) == (['zero', 'one'], 'one')
PYTHON
