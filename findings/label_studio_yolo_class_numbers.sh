#!/bin/sh
# Label Studio numbers the classes of a YOLO export by the `category` of its labels, and classes.txt by their order.
#
# label-studio-sdk 2.1.2. Expected: the class number in labels/*.txt is a line of classes.txt, as every YOLO trainer takes
# it. Seen: with category="1" on the first label and category="0" on the second one, each box gets the name of the other.
# notes.json of the same export has the right pairs.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet label-studio-sdk==2.1.2 pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import json
from pathlib import Path

from label_studio_sdk.converter import Converter
from PIL import Image

CONFIG = """<View><Image name="photo" value="$image"/><RectangleLabels name="box" toName="photo">
<Label value="zero" category="1"/><Label value="one" category="0"/></RectangleLabels></View>"""
Image.new('RGB', (100, 60)).save('1.png')
box = {
    'id': 'a', 'type': 'rectanglelabels', 'from_name': 'box', 'to_name': 'photo', 'original_width': 100,
    'original_height': 60, 'image_rotation': 0,
    'value': {'x': 10, 'y': 20, 'width': 20, 'height': 60, 'rotation': 0, 'rectanglelabels': ['zero']},
}
task = {'id': 1, 'data': {'image': str(Path('1.png').resolve())}, 'annotations': [{'id': 1, 'completed_by': 1, 'result': [box]}]}
Path('tasks.json').write_text(json.dumps([task]))
Converter(CONFIG, '.').convert_to_yolo('tasks.json', 'yolo', is_dir=False)
names = Path('yolo/classes.txt').read_text().split()
number = int(next(Path('yolo/labels').glob('*.txt')).read_text().split()[0])
notes = {row['id']: row['name'] for row in json.loads(Path('yolo/notes.json').read_text())['categories']}
print(f'a box labelled zero has class {number}: {names[number]} by classes.txt, {notes[number]} by notes.json')
assert (names, number, notes[number]) == (['zero', 'one'], 1, 'zero')
PYTHON
