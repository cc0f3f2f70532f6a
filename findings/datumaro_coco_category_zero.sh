#!/bin/sh
# datumaro reads a COCO box of category id 0 without its class, and its exports lose the box or name no such category.
#
# datumaro 1.13.12. Expected: categories are found by their id, whatever the ids are; detectron2, supervision and Label
# Studio write ids from 0. Seen: the box of "zero" (id 0) has no label, with a warning at the import. The YOLO export has one
# line instead of two. The COCO export numbers the categories from 1, and keeps category_id 0 for the box: no category of
# the file has this id.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datumaro==1.13.12 pillow
cd "$folder"
venv/bin/python - <<'PYTHON' 2>/dev/null
import json
from pathlib import Path

import datumaro as dm
from PIL import Image

Path('coco/annotations').mkdir(parents=True)
Path('coco/images').mkdir()
Image.new('RGB', (100, 60)).save('coco/images/1.png')
boxes = [
    {'id': i + 1, 'image_id': 1, 'category_id': i, 'bbox': [10 + 30 * i, 12, 20, 36], 'area': 720, 'iscrowd': 0}
    for i in (0, 1)
]
content = {
    'images': [{'id': 1, 'file_name': '1.png', 'width': 100, 'height': 60}],
    'categories': [{'id': 0, 'name': 'zero'}, {'id': 1, 'name': 'one'}],
    'annotations': boxes,
}
Path('coco/annotations/instances_train.json').write_text(json.dumps(content))
data = dm.Dataset.import_from('coco', 'coco')
for kind in ('yolo', 'coco_instances'):
    data.export(kind, kind, save_media=True)
lines = Path('yolo/obj_train_data/1.txt').read_text().splitlines()
out = json.loads(Path('coco_instances/annotations/instances_train.json').read_text())
used = {box['category_id'] for box in out['annotations']}
listed = {category['id'] for category in out['categories']}
print(f'two boxes in; YOLO: {len(lines)} line; COCO: boxes of the categories {sorted(used)}, listed are {sorted(listed)}')
assert len(lines) == 1 and used - listed == {0}
PYTHON
