#!/bin/sh
# A perfect prediction scores AP 0.25 on a COCO export of Label Studio: its annotation ids start at 0.
#
# label-studio-sdk 2.1.2 and pycocotools 2.0.11. Expected: AP 1.0 where the predictions are the annotations themselves.
# Seen: COCOeval marks a match by the annotation id, and 0 stands for no match, so the first box counts as never found.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet label-studio-sdk==2.1.2 pycocotools==2.0.11 pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import contextlib
import io
import json
from pathlib import Path

from label_studio_sdk.converter import Converter
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

CONFIG = """<View><Image name="photo" value="$image"/><RectangleLabels name="box" toName="photo">
<Label value="zero"/></RectangleLabels></View>"""
tasks = []
for number in (1, 2):
    Image.new('RGB', (100, 60)).save(f'{number}.png')
    box = {
        'id': 'a', 'type': 'rectanglelabels', 'from_name': 'box', 'to_name': 'photo', 'original_width': 100,
        'original_height': 60, 'image_rotation': 0,
        'value': {'x': 10, 'y': 20, 'width': 20, 'height': 60, 'rotation': 0, 'rectanglelabels': ['zero']},
    }
    image = str(Path(f'{number}.png').resolve())
    tasks.append({'id': number, 'data': {'image': image}, 'annotations': [{'id': number, 'completed_by': 1, 'result': [box]}]})
Path('tasks.json').write_text(json.dumps(tasks))
Converter(CONFIG, '.').convert_to_coco('tasks.json', 'coco', output_image_dir='coco/images', is_dir=False)
exported = json.loads(Path('coco/result.json').read_text())


def ap(first_id):
    truth = json.loads(json.dumps(exported))
    for shift, annotation in enumerate(truth['annotations']):
        annotation['id'] = first_id + shift
    keys = ('image_id', 'category_id', 'bbox')
    found = [{key: row[key] for key in keys} | {'score': 0.9} for row in truth['annotations']]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), 'bbox')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return round(float(evaluation.stats[0]), 3)


ids = [row['id'] for row in exported['annotations']]
print(f'annotation ids as exported: {ids}, AP {ap(0)}; counted from 1: AP {ap(1)}')
assert (ids, ap(0), ap(1)) == ([0, 1], 0.252, 1.0)
PYTHON
