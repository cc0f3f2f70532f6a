#!/bin/sh
# RapidOCR reads a photo as one line of text, although the call asks for nothing of the kind: an earlier call did.
#
# rapidocr 3.10.0 with onnxruntime 1.32.0. Expected: engine(photo, use_det=False) switches detection off for that call.
# Seen: the options of a call stay in the engine, so the next engine(photo) has no detection either. Give use_det,
# use_cls and use_rec in every call, or keep an engine for each purpose.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rapidocr==3.10.0 onnxruntime==1.32.0 opencv-python-headless==4.12.0.88 pillow==13.0.0
"$folder/venv/bin/pip" uninstall --quiet --yes opencv-python # needs libGL
"$folder/venv/bin/pip" install --quiet --force-reinstall --no-deps opencv-python-headless==4.12.0.88
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

image = Image.new('RGB', (400, 300), 'white')
for top, text in ((30, '4207'), (180, '815')):
    ImageDraw.Draw(image).text((80, top), text, 'black', ImageFont.load_default(70))
photo = np.asarray(image)
engine = RapidOCR()
before = engine(photo)
engine(photo, use_det=False, use_cls=False)
after = engine(photo)
print(f'before: {type(before).__name__}, {len(before.txts)} lines; after: {type(after).__name__}, {len(after.txts)} line')
assert (type(before).__name__, len(before.txts)) == ('RapidOCROutput', 2)
assert (type(after).__name__, len(after.txts)) == ('TextRecOutput', 1)
PYTHON
