#!/bin/sh
# Of two annotations of one task Label Studio exports the oldest to YOLO, and both to COCO, as two images of one file.
#
# label-studio-sdk 2.1.2. Expected: one rule for all formats, or the last correction. Seen: a box that was labelled zero and
# later corrected to one is a zero in the YOLO export. The COCO export lists the photo twice, with two image ids, the newer
# annotation first. A reader that joins images by name gets both boxes, a reader that takes the last entry the old one.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet label-studio-sdk==2.1.2 pillow
cd "$folder"
venv/bin/python - <<'PYTHON' 2>/dev/null
import json
from pathlib import Path

from label_studio_sdk.converter import Converter
from PIL import Image

CONFIG = """<View><Image name="photo" value="$image"/><RectangleLabels name="box" toName="photo">
<Label value="zero"/><Label value="one"/></RectangleLabels></View>"""
Image.new('RGB', (100, 60)).save('1.png')


def annotation(number, label):
    date = f'2026-01-0{number}T00:00:00.000000Z'
    box = {
        'id': f'region{number}', 'type': 'rectanglelabels', 'from_name': 'box', 'to_name': 'photo', 'image_rotation': 0,
        'original_width': 100, 'original_height': 60,
        'value': {'x': 10, 'y': 20, 'width': 20, 'height': 60, 'rotation': 0, 'rectanglelabels': [label]},
    }
    return {'id': number, 'completed_by': 1, 'result': [box], 'created_at': date, 'updated_at': date}


both = [annotation(1, 'zero'), annotation(2, 'one')]
Path('tasks.json').write_text(json.dumps([{'id': 1, 'data': {'image': str(Path('1.png').resolve())}, 'annotations': both}]))
for kind in ('yolo', 'coco'):
    getattr(Converter(CONFIG, '.'), f'convert_to_{kind}')('tasks.json', kind, is_dir=False)
classes = Path('yolo/classes.txt').read_text().split()
lines = next(Path('yolo/labels').glob('*.txt')).read_text().splitlines()
yolo = [classes[int(line.split()[0])] for line in lines]
data = json.loads(Path('coco/result.json').read_text())
name_of = {category['id']: category['name'] for category in data['categories']}
coco = [(Path(image['file_name']).name, name_of[box['category_id']])
        for image in data['images'] for box in data['annotations'] if box['image_id'] == image['id']]
print(f'annotated zero, then one; YOLO: {yolo}; COCO: {coco}')
assert yolo == ['zero'] and coco == [('1.png', 'one'), ('1.png', 'zero')]
PYTHON
