#!/bin/sh
# Pillow garbles an uncompressed TIFF of EXIF orientation 5 to 8 that it opens by its path.
#
# Pillow 13.0.0. Expected: the pixels of the same file opened as a file object. Seen: Image.open(path) maps the pixels
# into memory with the sides swapped, so that rows are cut in the wrong places.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import PIL
from PIL import Image

image = Image.frombytes('L', (3, 2), bytes(range(6)))
exif = Image.Exif()
exif[0x0112] = 6
image.save('turned.tif', exif=exif)
by_path = Image.open('turned.tif')
by_path.load()
with open('turned.tif', 'rb') as file:
    by_file = Image.open(file)
    by_file.load()
print(f'Pillow {PIL.__version__}: by path {by_path.size} {by_path.tobytes().hex()}', end=', ')
print(f'by file {by_file.size} {by_file.tobytes().hex()}')
assert (by_file.size, by_file.tobytes()) == ((2, 3), bytes([3, 0, 4, 1, 5, 2]))
assert by_path.tobytes() != by_file.tobytes()
PYTHON
