#!/bin/sh
# Predictions as labels, corrected in label tools and imported again: predict --labels, label-studio-sdk and datumaro,
# prepare_data. Each tool runs in an environment of its own, because its pins differ from ours.
#
#     PYTHON=.venv/bin/python sh docs/round_trip_of_predictions.sh [FOLDER OF THE ENVIRONMENTS]
#
# Draws 12 photos. Each tool takes the predictions, changes the leftmost digit of each photo as a person would, and exports.
# Prints a line for each export: photos, digits, and how far an edge moved at most, in pixels. Fails if a digit is lost or
# not the corrected one, if an edge moves by 0.01 px (2 px for Label Studio's VOC), or if a score is lost on the way in.
set -eu
project=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v "${PYTHON:-python}")
case $python in /*) ;; *) python=$PWD/$python ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venvs=${1:-$folder}
for pair in v1:datumaro==1.13.12 v3:label-studio-sdk==2.1.2; do
    venv=$venvs/${pair%%:*}
    [ -d "$venv" ] && continue
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "${pair#*:}" pillow
done
cd "$folder"
cat >label_studio.py <<'PYTHON'
import json
import shutil
from pathlib import Path

from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface

config = Path('out/label-studio/label_config.xml').read_text()
interface, tasks = LabelInterface(config), json.loads(Path('out/label-studio/tasks.json').read_text())
truth = {}
for number, task in enumerate(tasks, 1):
    (prediction,) = task.pop('predictions')
    assert interface.validate_prediction(prediction) is True, prediction
    assert all(0 < region['score'] <= 1 for region in prediction['result'])
    result = prediction['result']
    for region in sorted(result, key=lambda region: region['value']['x'])[:1]:  # the correction
        value = region['value']
        value['rectanglelabels'] = [str((int(value['rectanglelabels'][0]) + 1) % 10)]
    name = Path(task['data']['image'].partition('?d=')[2]).name
    truth[name] = sorted(
        [value['x'] * r['original_width'] / 100, value['y'] * r['original_height'] / 100,
         value['width'] * r['original_width'] / 100, value['height'] * r['original_height'] / 100,
         int(value['rectanglelabels'][0])]
        for r in result for value in [r['value']]
    )
    task['id'], task['annotations'] = number, [{'id': number, 'completed_by': 1, 'result': result}]
    task['data']['image'] = str(Path('out/label-studio/images', name).resolve())
Path('tasks.json').write_text(json.dumps(tasks))
Path('truth.json').write_text(json.dumps(truth))
for kind in ('yolo', 'voc', 'coco'):
    getattr(Converter(config, '.'), f'convert_to_{kind}')('tasks.json', f'label_studio.{kind}', is_dir=False)
    shutil.copytree('out/label-studio/images', f'label_studio.{kind}/images', dirs_exist_ok=True)
PYTHON
cat >datumaro_.py <<'PYTHON'
import datumaro as dm

for source, kind in (('coco', 'coco'), ('yolo', 'yolo')):
    data = dm.Dataset.import_from(f'out/{source}', kind)
    names = [category.name for category in data.categories()[dm.AnnotationType.label]]
    items = []
    for item in data:
        boxes = [note for note in item.annotations if note.type == dm.AnnotationType.bbox]
        boxes.sort(key=lambda box: box.points[0])
        if source == 'coco':
            assert all(0 < box.attributes['score'] <= 1 for box in boxes), 'scores are lost'
        corrected = []
        for position, box in enumerate(boxes):
            digit = int(names[box.label])
            if position == 0:  # the correction
                digit = (digit + 1) % 10
            corrected.append(dm.Bbox(*box.get_bbox(), label=digit))
        items.append(item.wrap(annotations=corrected, subset='val' if len(items) % 4 == 0 else 'train'))
    fixed = dm.Dataset.from_iterable(items, categories=[str(digit) for digit in range(10)])
    for out in ('coco_instances', 'yolo_ultralytics', 'voc'):
        fixed.export(f'datumaro_{source}.{out}', out, save_media=True)
PYTHON
cat >compare.py <<'PYTHON'
import json
import subprocess
import sys
from pathlib import Path

project, moved = Path(sys.argv[1]), {'label_studio.voc': 2}
truth = json.loads(Path('truth.json').read_text())
for source in sorted(Path('.').glob('*.*/')):
    kind = source.name.split('.')[1].split('_')[0]
    options = ['--src', source.resolve(), '--out', Path('data', source).resolve(), '--ignore-copies']
    command = [sys.executable, project / 'tools/prepare_data.py', kind, *options]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{source}: {done.stderr}')
    photos = digits = 0
    worst = 0.0
    for split in ('train', 'valid'):
        labels = json.loads(Path('data', source, f'{split}.json').read_text())
        digit_of = {category['id']: int(category['name']) for category in labels['categories']}
        for image in labels['images']:
            boxes = [note for note in labels['annotations'] if note['image_id'] == image['id']]
            got = sorted([*note['bbox'], digit_of[note['category_id']]] for note in boxes)
            want = truth[image['file_name']]
            assert [box[4] for box in got] == [box[4] for box in want], (source, image, got, want)
            photos, digits = photos + 1, digits + len(got)
            for a, b in zip(got, want):
                edges = [(a[0], b[0]), (a[1], b[1]), (a[0] + a[2], b[0] + b[2]), (a[1] + a[3], b[1] + b[3])]
                worst = max([worst, *(abs(x - y) for x, y in edges)])
    print(f'{source}: {photos} photos, {digits} digits, {worst:.3f} px')
    assert digits == sum(map(len, truth.values())), source
    assert worst < moved.get(source.name, 0.01), source
PYTHON
"$python" "$project/tools/prepare_data.py" synth --out drawn --images 14 --seed 5 --hardness 0.1 --valid-fraction 0.1 \
    --workers 1 --quiet
mv drawn/train photos
for kind in coco yolo label-studio; do
    "$python" "$project/tools/predict.py" photos --out out --labels $kind --device cpu --quiet >/dev/null
done
"$venvs/v3/bin/python" label_studio.py 2>/dev/null
"$venvs/v1/bin/python" datumaro_.py
"$python" compare.py "$project"
