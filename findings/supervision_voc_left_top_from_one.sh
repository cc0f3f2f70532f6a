#!/bin/sh
# supervision writes the left and top side of a Pascal VOC box from 1, and the right and bottom side from 0.
#
# supervision 0.31.2. Expected: all four sides count from the same number, as in the VOC devkit (from 1) or in labelImg and
# CVAT (from 0), so that another reader finds a box of the size that was drawn. Seen: xyxy 10 20 30 60 is written as
# 11 21 30 60. supervision takes 1 off again when it reads the file; every other reader finds a box that is 1 px smaller.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet supervision==0.31.2 pillow
cd "$folder"
venv/bin/python - <<'PYTHON' 2>/dev/null
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import supervision as sv
from PIL import Image

Image.new('RGB', (100, 80)).save('7.png')
box = sv.Detections(np.array([[10.0, 20.0, 30.0, 60.0]]), class_id=np.array([0]))
data = sv.DetectionDataset(classes=['seven'], images=['7.png'], annotations={'7.png': box})
data.as_pascal_voc(annotations_directory_path='voc')
node = ElementTree.parse(next(Path('voc').glob('*.xml'))).find('.//bndbox')
written = [int(node.findtext(side)) for side in ('xmin', 'ymin', 'xmax', 'ymax')]
(back,) = sv.DetectionDataset.from_pascal_voc('.', 'voc').annotations.values()
print(f'drawn [10, 20, 30, 60], written {written}, read by supervision {back.xyxy[0].tolist()}')
assert written == [11, 21, 30, 60] and back.xyxy[0].tolist() == [10, 20, 30, 60]
PYTHON
