#!/bin/sh
# Export drawn photos with the real exporters of label tools, import each export, and compare with what went in.
#
# label-studio-sdk 2.1.2, datumaro 1.13.12, supervision 0.31.2, labelImg 1.8.6 (its writers without its windows). Each
# has an environment of its own, as their pins contradict one another.
# Usage: PYTHON=.venv/bin/python sh docs/round_trip_of_label_tools.sh [FOLDER OF THE ENVIRONMENTS]
# Prints a line for each export: photos, digits, photos with other digits, and how far an edge moved at most, in pixels.
# Fails if a digit differs or an edge moves further than docs/labels.md says.
set -eu
project=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
venvs=${1:-$folder}
for pair in v1:datumaro==1.13.12 v2:supervision==0.31.2 v3:label-studio-sdk==2.1.2 v4:labelImg==1.8.6; do
    venv=$venvs/${pair%%:*}
    [ -d "$venv" ] && continue
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet $([ "$venv" = "$venvs/v4" ] && echo --no-deps lxml) "${pair#*:}"
    [ "$venv" = "$venvs/v4" ] || "$venv/bin/pip" install --quiet pillow
done
cd "$folder"
cat >draw.py <<'PYTHON'
import json
import random
from pathlib import Path
from PIL import Image

rng = random.Random(0)
Path('photos').mkdir()
rows = []
for i in range(16):
    w, h = rng.choice([(100, 60), (97, 61), (240, 133), (1013, 757), (61, 97)])
    name = ['a b.png', 'zähler.png', 'IMG_03.JPG', '7.png'][i] if i < 4 else f'p{i}.png'
    digits = [] if i in (5, 14) else [*range(5 * (i - 6), 5 * (i - 5))] if i in (6, 7) else rng.choices(range(10), k=3)
    step, boxes = w / max(len(digits), 1), []
    for k, digit in enumerate(digits):
        bw, bh = step * rng.uniform(0.5, 0.9), h * rng.uniform(0.4, 0.8)
        boxes.append([digit, step * k + rng.uniform(0, step - bw), rng.uniform(0, h - bh), bw, bh])
    Image.frombytes('RGB', (w, h), rng.randbytes(w * h * 3)).save(f'photos/{name}')
    rows.append({'name': name, 'size': [w, h], 'split': 'train' if i < 10 else 'val', 'boxes': boxes})
Path('truth.json').write_text(json.dumps(rows))
PYTHON
cat >label_studio.py <<'PYTHON'
import json
import shutil
from pathlib import Path
from label_studio_sdk.converter import Converter

rows = json.loads(Path('truth.json').read_text())
labels = ''.join(f'<Label value="{d}"/>' for d in range(10))
config = f'<View><Image name="i" value="$image"/><RectangleLabels name="b" toName="i">{labels}</RectangleLabels></View>'
tasks = []
for i, row in enumerate(rows, 1):
    (w, h), result = row['size'], []
    for k, (digit, *box) in enumerate(row['boxes']):
        value = dict(zip(('x', 'y', 'width', 'height'), (100 * v / s for v, s in zip(box, (w, h, w, h)))))
        value |= {'rotation': 0, 'rectanglelabels': [str(digit)]}
        result.append({'id': f'{i}_{k}', 'type': 'rectanglelabels', 'from_name': 'b', 'to_name': 'i', 'value': value,
                       'original_width': w, 'original_height': h, 'image_rotation': 0})
    image = str(Path('photos', row['name']).resolve())
    tasks.append({'id': i, 'data': {'image': image}, 'annotations': [{'id': i, 'completed_by': 1, 'result': result}]})
Path('tasks.json').write_text(json.dumps(tasks))
for kind in ('yolo', 'yolo_obb', 'voc', 'coco'):
    converter, out = Converter(config, '.'), f'label_studio.{kind}'
    options = {'is_obb': True} if kind == 'yolo_obb' else {}
    getattr(converter, f'convert_to_{kind[:4].rstrip("_")}')('tasks.json', out, is_dir=False, **options)
    shutil.copytree('photos', f'{out}/images', dirs_exist_ok=True)
PYTHON
cat >datumaro_.py <<'PYTHON'
import json
from pathlib import Path
import datumaro as dm

rows = json.loads(Path('truth.json').read_text())
for kind in ('yolo', 'yolo_ultralytics', 'voc', 'coco_instances'):
    items = []
    for n, row in enumerate(rows, 1):
        split = 'valid' if kind == 'yolo' and row['split'] == 'val' else row['split']
        boxes = [dm.Bbox(*box, label=digit, id=10 * n + k) for k, (digit, *box) in enumerate(row['boxes'])]
        media = dm.Image.from_file(path=f'photos/{row["name"]}')
        items.append(dm.DatasetItem(id=Path(row['name']).stem, subset=split, media=media, annotations=boxes))
    data = dm.Dataset.from_iterable(items, categories=[str(d) for d in range(10)])
    data.export(f'datumaro.{kind}', kind, save_media=True)
PYTHON
cat >supervision_.py <<'PYTHON'
import json
from pathlib import Path
import numpy as np
import supervision as sv

rows = json.loads(Path('truth.json').read_text())
for split in ('train', 'val'):
    found = {}
    for row in (row for row in rows if row['split'] == split):
        xywh = np.array([box for _, *box in row['boxes']]).reshape(-1, 4)
        xyxy, digits = np.hstack([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]]), np.array([d for d, *_ in row['boxes']], int)
        found[f'photos/{row["name"]}'] = sv.Detections(xyxy, class_id=digits)
    data = sv.DetectionDataset(classes=[str(d) for d in range(10)], images=list(found), annotations=found)
    data.as_yolo(f'supervision.yolo/{split}/images', f'supervision.yolo/{split}/labels', 'supervision.yolo/data.yaml')
    data.as_pascal_voc(f'supervision.voc/{split}/images', f'supervision.voc/{split}/annotations')
    data.as_coco(f'supervision.coco/{split}', f'supervision.coco/{split}/labels.json')
PYTHON
cat >labelimg.py <<'PYTHON'
import json
import shutil
from pathlib import Path
from libs.pascal_voc_io import PascalVocWriter
from libs.yolo_io import YOLOWriter

rows, names = json.loads(Path('truth.json').read_text()), [str(d) for d in range(10)]
for kind, writer_class, ending in (('yolo', YOLOWriter, '.txt'), ('voc', PascalVocWriter, '.xml')):
    shutil.copytree('photos', f'labelimg.{kind}')
    for row in rows:
        writer = writer_class(f'labelimg.{kind}', row['name'], [row['size'][1], row['size'][0], 3])
        for digit, x, y, w, h in row['boxes']:
            corners = [max(1, int(x)), max(1, int(y)), int(x + w), int(y + h)]  # as LabelFile.convert_points_to_bnd_box
            writer.add_bnd_box(*corners, str(digit), 0)
        target = str(Path(f'labelimg.{kind}', row['name']).with_suffix(ending))
        writer.save(**({'class_list': names} if kind == 'yolo' else {}), target_file=target)
PYTHON
cat >compare.py <<'PYTHON'
import json
import subprocess
import sys
from pathlib import Path

project = Path(sys.argv[1])
moved = {'label_studio.voc': 2, 'supervision.voc': 0.5, 'labelimg.voc': 1, 'labelimg.yolo': 1}
rows = {row['name'].lower(): row for row in json.loads(Path('truth.json').read_text())}
for source in sorted(Path('.').glob('*.*/')):
    kind = source.name.split('.')[1].split('_')[0]
    options = ['--src', source.resolve(), '--out', Path('out', source).resolve(), '--ignore-copies']
    command = [sys.executable, 'tools/prepare_data.py', kind, *options]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{source}: {done.stderr}')
    photos = digits = other = kept = 0
    worst = 0.0
    for split in ('train', 'valid'):
        truth = json.loads(Path('out', source, f'{split}.json').read_text())
        for image in truth['images']:
            row = rows[image['file_name'].lower()]
            name = {category['id']: int(category['name']) for category in truth['categories']}
            boxes = [a for a in truth['annotations'] if a['image_id'] == image['id']]
            got = sorted(([*a['bbox'], name[a['category_id']]] for a in boxes), key=lambda box: box[0])
            want = sorted(([*box, digit] for digit, *box in row['boxes']), key=lambda box: box[0])
            photos, digits = photos + 1, digits + len(got)
            kept += (split == 'train') == (row['split'] == 'train')
            other += [box[4] for box in got] != [box[4] for box in want]
            for a, b in zip(got, want):
                edges = [(a[0], b[0]), (a[1], b[1]), (a[0] + a[2], b[0] + b[2]), (a[1] + a[3], b[1] + b[3])]
                worst = max([worst, *(abs(x - y) for x, y in edges)])
    print(f'{source}: {photos} photos, {digits} digits, {other} photos with other digits, {worst:.3f} px, split {kept}')
    print(''.join(f'    {line}\n' for line in done.stderr.splitlines()), end='')
    assert other == 0 and digits == sum(len(row['boxes']) for row in rows.values()), source
    assert worst < moved.get(source.name, 0.01), source
PYTHON
"$python" draw.py
"$venvs/v1/bin/python" datumaro_.py
"$venvs/v2/bin/python" supervision_.py 2>/dev/null
"$venvs/v3/bin/python" label_studio.py 2>/dev/null
"$venvs/v4/bin/python" labelimg.py
"$python" compare.py "$project"
