#!/bin/sh
# Label Studio's converter keeps the scores of YOLO predictions, drops those of COCO, and leaves out photos called .JPG.
#
# label-studio-sdk 2.1.2. Expected: predictions of both formats keep their scores, by which Label Studio sorts and filters,
# and each photo of the folder becomes a task. Seen: a region of COCO has no score although the annotation has one; of two
# photos 1.jpg and 2.JPG, as cameras write them, only the first becomes a task, without a message.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet label-studio-sdk==2.1.2 pillow
cd "$folder"
venv/bin/python - <<'PYTHON' 2>/dev/null
import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from label_studio_sdk.converter.imports.coco import convert_coco_to_ls
from label_studio_sdk.converter.imports.yolo import convert_yolo_to_ls
from PIL import Image

for part in ('images', 'labels'):
    Path('yolo', part).mkdir(parents=True)
Path('yolo/classes.txt').write_text('one\n')
for name in ('1.jpg', '2.JPG'):
    Image.new('RGB', (100, 60)).save(f'yolo/images/{name}')
    Path('yolo/labels', name).with_suffix('.txt').write_text('0 0.2 0.5 0.2 0.6 0.75\n')
box = {'id': 1, 'image_id': 1, 'category_id': 1, 'bbox': [10, 12, 20, 36], 'area': 720, 'iscrowd': 0, 'score': 0.75}
image = {'id': 1, 'file_name': '1.jpg', 'width': 100, 'height': 60}
content = {'images': [image], 'annotations': [box], 'categories': [{'id': 1, 'name': 'one'}]}
Path('coco.json').write_text(json.dumps(content))
with redirect_stdout(StringIO()):
    convert_yolo_to_ls('yolo', 'from_yolo.json', out_type='predictions')
    convert_coco_to_ls('coco.json', 'from_coco.json', out_type='predictions')
scores = {}
for kind in ('yolo', 'coco'):
    tasks = json.loads(Path(f'from_{kind}.json').read_text())
    scores[kind] = [task['predictions'][0]['result'][0].get('score') for task in tasks]
print(f'scores of the tasks: YOLO, two photos, {scores["yolo"]}; COCO, one photo, {scores["coco"]}')
assert scores == {'yolo': [0.75], 'coco': [None]}
PYTHON
