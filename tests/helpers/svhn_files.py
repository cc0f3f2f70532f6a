"""Small archives of SVHN's full numbers, as the official ones are laid out."""

import tarfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

Digits = Sequence[tuple[int, float, float, float, float]]  # digit, left, top, width, height
COLUMNS = ('height', 'label', 'left', 'top', 'width')


def write_digit_struct(path: Path, photos: Sequence[tuple[str, Digits]]) -> None:
    """A digitStruct.mat as MATLAB saves it: text before the HDF5 part, references into `#refs#`."""
    with h5py.File(path, 'w', userblock_size=512, libver='earliest') as file:
        refs, struct, names = file.create_group('#refs#'), file.create_group('digitStruct'), count()
        struct.attrs['MATLAB_class'] = np.bytes_('struct')

        def put(values: np.ndarray, matlab_class: str) -> h5py.Reference:
            dataset = refs.create_dataset(f'{next(names):x}', data=values)
            dataset.attrs['MATLAB_class'] = np.bytes_(matlab_class)
            return dataset.ref

        def column(references: Sequence[h5py.Reference]) -> np.ndarray:
            cells = np.empty((len(references), 1), h5py.ref_dtype)
            cells[:, 0] = references
            return cells

        said, boxes = [], []
        for name, digits in photos:
            said.append(put(np.frombuffer(name.encode('utf-16-le'), np.uint16)[:, None], 'char'))
            group = refs.create_group(f'{next(names):x}')
            group.attrs['MATLAB_class'] = np.bytes_('struct')
            for key in COLUMNS:
                rows = [
                    {'label': d or 10, 'left': x, 'top': y, 'width': w, 'height': h}[key] for d, x, y, w, h in digits
                ]
                if len(rows) == 1:
                    group[key] = np.array([rows], np.float64)
                else:
                    group[key] = column([put(np.array([[value]], np.float64), 'double') for value in rows])
            boxes.append(group.ref)
        struct['name'], struct['bbox'] = column(said), column(boxes)
    with path.open('r+b') as raw:
        raw.write(b'MATLAB 7.3 MAT-file, Platform: GLNXA64 HDF5 schema 1.00 .'.ljust(512))


def write_part(folder: Path, numbers: Sequence[str], seed: int = 0) -> None:
    """A folder of SVHN: digitStruct.mat and 40 x 20 photos 1.png, 2.png …, with a box of 8 x 12 for each digit."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    photos = []
    for i, number in enumerate(numbers, 1):
        Image.fromarray(rng.integers(0, 255, (20, 40, 3), dtype=np.uint8)).save(folder / f'{i}.png')
        photos.append((f'{i}.png', [(int(digit), 3 + 9 * k, 4, 8, 12) for k, digit in enumerate(number)]))
    write_digit_struct(folder / 'digitStruct.mat', photos)


def pack(folder: Path) -> Path:
    """The archive of such a folder, beside it; the folder goes away."""
    archive = folder.with_name(f'{folder.name}.tar.gz')
    with tarfile.open(archive, 'w:gz') as file:
        file.add(folder, folder.name)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return archive
