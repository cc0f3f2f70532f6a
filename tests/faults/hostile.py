"""Files that are damaged, endless, too large or no files at all, for every reader of files.

They are harmless: each shows a guard. A tool must end with one line that names the file, must run nothing that lies in
it, and may take at most MEMORY of address space where the file claims or unpacks to much more.
"""

import gzip
import io
import json
import os
import pickle
import resource
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from helpers.project import coco
from PIL import Image

from .campaign import Ended, Fault, Scene, end_of

MEMORY = 3 << 30  # bytes
DIGITS = '9' * 400
ESCAPES = '\x1b[2J\x1b]0;title\x07\r\u202e'
MANY = 25_000_000  # values; a list of so many empty lists takes gigabytes
Make = Callable[[Path], None]  # writes to a path that does not exist


def write(content: bytes | str) -> Make:
    """Return a maker of a file with this content."""
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def link(target: str) -> Make:
    """Return a maker of a link."""
    return lambda path: path.symlink_to(target)


def listen(path: Path) -> None:
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(path.parent, os.O_RDONLY)  # the address of a socket has 108 bytes at most
        server.bind(f'/proc/self/fd/{folder}/{path.name}')
        os.close(folder)


def sparse(size: int, start: bytes = b'') -> Make:
    """Return a maker of a file that claims a size and takes no room."""

    def make(path: Path) -> None:
        with path.open('wb') as file:
            file.write(start)
            file.truncate(size)

    return make


SPECIAL: dict[str, Make] = {
    'named pipe': os.mkfifo,
    'socket': listen,
    'link to a device': link('/dev/zero'),
    'link to itself': lambda path: path.symlink_to(path.name),
    'broken link': link('gone'),
    'folder': Path.mkdir,
    'of a terabyte': sparse(1 << 40),
}


def png(width: int, height: int, *chunks: tuple[bytes, bytes], depth: int = 8, colour: int = 0) -> bytes:
    """Encode a PNG of these chunks, without pixels unless a chunk has them."""
    header = struct.pack('>2I5B', width, height, depth, colour, 0, 0, 0)
    parts = [(b'IHDR', header), *chunks, (b'IEND', b'')]
    body = (
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)) for kind, data in parts
    )
    return b'\x89PNG\r\n\x1a\n' + b''.join(body)


def encoded(form: str, **options: object) -> bytes:
    """Encode a photo of 40 x 20 pixels."""
    file = io.BytesIO()
    Image.linear_gradient('L').resize((40, 20)).convert('RGB').save(file, form, **options)
    return file.getvalue()


PIXELS = zlib.compress(bytes(41 * 20))
ZEROS = zlib.compress(bytes(100_000_000), 9)  # 100 kB
TIFF_LOOP = b'II*\0' + struct.pack('<IH', 8, 0) + struct.pack('<I', 8)
PHOTOS: dict[str, bytes] = {
    'PostScript': b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 20\n%%EndComments\nshowpage\n',
    'PDF': b'%PDF-1.7\n1 0 obj\n',
    'SVG': b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    'HTML': b'<html><script>1</script></html>',
    'Windows metafile': b'\xd7\xcd\xc6\x9a' + bytes(100),
    'FITS': b'SIMPLE  =                    T'.ljust(2880),
    'empty': b'',
    'one byte': b'\x89',
    'zip': b'PK\x05\x06' + bytes(18),
    'gzip bomb': gzip.compress(bytes(10_000_000)),
    'PNG of 10 gigapixels': png(100_000, 100_000, (b'IDAT', PIXELS)),
    'PNG of 2^62 pixels': png(2**31 - 1, 2**31 - 1, (b'IDAT', PIXELS)),
    'PNG without pixels': png(40, 20),
    'PNG without a header': b'\x89PNG\r\n\x1a\n',
    'PNG cut in its pixels': png(40, 20, (b'IDAT', PIXELS[:10])),
    'PNG of 0 pixels': png(0, 0, (b'IDAT', PIXELS)),
    'PNG too thin': png(100_000, 1, (b'IDAT', zlib.compress(bytes(100_001)))),
    'PNG whose text unpacks to 100 MB': png(40, 20, (b'zTXt', b'a\0\0' + ZEROS), (b'IDAT', PIXELS)),
    'PNG with 80 texts of 1 MB': png(
        40, 20, *[(b'zTXt', b'a\0\0' + zlib.compress(bytes(1_000_000)))] * 80, (b'IDAT', PIXELS)
    ),
    'PNG of a wrong checksum': png(40, 20, (b'IDAT', PIXELS))[:-20] + bytes(20),
    'PNG with a chunk of 2 GB': b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 2**31 - 1) + b'IHDR',
    'JPEG cut': encoded('JPEG')[:200],
    'JPEG of a header': b'\xff\xd8\xff\xe0',
    'GIF of 4 gigapixels': b'GIF89a'
    + struct.pack('<2H3B', 65535, 65535, 0, 0, 0)
    + b','
    + struct.pack('<4HB', 0, 0, 65535, 65535, 0),
    'GIF cut': encoded('GIF')[:60],
    'BMP of 4 exapixels': b'BM' + bytes(12) + struct.pack('<I2iHH', 40, 2**31 - 1, 2**31 - 1, 1, 24) + bytes(24),
    'TIFF with a circle of directories': TIFF_LOOP,
    'TIFF with 65,535 entries': b'II*\0' + struct.pack('<IH', 8, 65535) + bytes(1000),
    'TIFF cut': encoded('TIFF')[:300],
    'WebP of a header': b'RIFF\x10\0\0\0WEBPVP8 ',
    'WebP cut': encoded('WEBP')[:60],
    'AVIF of a header': b'\0\0\0\x1cftypavif' + bytes(100),
    'HEIC': b'\0\0\0\x18ftypheic' + bytes(100),
    'JPEG 2000 of a header': b'\xff\x4f\xff\x51' + bytes(40),
    'PPM of 10 gigapixels': b'P6 99999 99999 255\n',
    'PPM of a negative size': b'P6 -5 -5 255\n',
    'PPM with a number of 400 digits': b'P6 ' + DIGITS.encode() + b' 5 255\n',
    'PFM of no numbers': b'Pf 40 20 x\n',
    'QOI of 10 gigapixels': b'qoif' + struct.pack('>2I2B', 100_000, 100_000, 3, 0),
    'PCX of a header': b'\x0a\x05\x01\x08' + bytes(124),
    'DIB of a header': struct.pack('<I2iHH', 40, 2**31 - 1, 1, 1, 24),
}
DEEP = {'a list': '[' * 100_000, 'an object': '{"a":' * 100_000, 'a whole list': '[' * 900 + ']' * 900}
JSONS: dict[str, str | bytes] = {
    **{f'nested deep, {kind}': text for kind, text in DEEP.items()},
    'of many empty lists': '[' + '[],' * MANY + '[]]',
    'empty': '',
    'cut': '{"images": [',
    'no UTF-8': b'{"images": "\xff"}',
    'with control characters': f'{{"{ESCAPES}": "{ESCAPES}"',
    'of one number': DIGITS,
    'of one text of 10 MB': '"' + 'a' * 10_000_000 + '"',
}
PREDICTION = '{"image_id": 1, "bbox": [1, 1, 5, 5], "score": 0.5, "category_id": 1}'
PREDICTIONS: dict[str, str | bytes] = {
    **JSONS,
    'with an id of 400 digits': f'[{PREDICTION}]'.replace('1,', f'{DIGITS},', 1),
    'with a score of 400 digits': f'[{PREDICTION}]'.replace('0.5', DIGITS),
    'with a score that is no number': f'[{PREDICTION}]'.replace('0.5', 'NaN'),
    'with a box of infinite width': f'[{PREDICTION}]'.replace('5]', '1e999]'),
    'with a category of 400 digits': f'[{PREDICTION}]'.replace('1}', f'{DIGITS}}}'),
    'with control characters in a key': f'[{PREDICTION}]'.replace('score', 'score\\u001b[2J'),
}
BOX = {'id': 1, 'image_id': 1, 'category_id': 2, 'bbox': [1, 1, 8, 12]}
IMAGE = {'id': 1, 'file_name': '1.png', 'width': 40, 'height': 20}
LABELS: dict[str, str | bytes] = {
    **JSONS,
    'with a name of 5,000 letters': json.dumps(coco([IMAGE | {'file_name': 'a' * 5000}], [BOX])),
    'with a name of 10 million letters': json.dumps(coco([IMAGE | {'file_name': 'a/' * 5_000_000}], [BOX])),
    'with a name that leaves the folder': json.dumps(coco([IMAGE | {'file_name': '../../../etc/passwd'}], [BOX])),
    'with a name with a null character': json.dumps(coco([IMAGE | {'file_name': 'a\0b.png'}], [BOX])),
    'with a name with control characters': json.dumps(coco([IMAGE | {'file_name': f'{ESCAPES}.png'}], [BOX])),
    'with a box of 400 digits': json.dumps(coco([IMAGE], [BOX])).replace('8, 12', f'{DIGITS}, 12'),
    'with an id of 400 digits': json.dumps(coco([IMAGE], [BOX])).replace('"id": 1', f'"id": {DIGITS}'),
    'with a side of 400 digits': json.dumps(coco([IMAGE], [BOX])).replace('40', DIGITS),
    'with a class of 5,000 digits': json.dumps(coco([IMAGE], [BOX], [{'id': 2, 'name': '1' * 5000}])),
    'with a class with control characters': json.dumps(coco([IMAGE], [BOX], [{'id': 2, 'name': ESCAPES}])),
}
READERS: dict[str, str | bytes] = {
    **JSONS,
    'with a threshold of 400 digits': json.dumps({'number': {'score_thr': 0.5}}).replace('0.5', DIGITS),
    'with a threshold that is no number': '{"number": {"score_thr": NaN}}',
    'with a key with control characters': json.dumps({ESCAPES: 1}),
}
LAUGHS = ''.join(f'{b}: &{b} [{",".join([f"*{a}"] * 9)}]\n' for a, b in zip('abcdefghi', 'bcdefghij', strict=True))
YAMLS: dict[str, str] = {
    'of aliases that multiply': f'a: &a [x, x]\n{LAUGHS}names: *j\n',
    'that is its own part': 'names: &a [*a]\n',
    'nested deep, a list': 'names: ' + '[' * 100_000,
    'nested deep, a mapping': 'names: ' + '{a: ' * 100_000,
    'of 2 MB': 'names: ["0"] #' + 'a' * 2_000_000,
    'with a key that is a list': '? [a, b]\n: 1\nnames: ["0"]\n',
    'that names code': 'names: !!python/object/apply:os.system ["touch ran"]\n',
    'with a class number of 5,000 digits': f'names: {{{"1" * 5000}: a}}\n',
    'with a name twice': 'names: ["0", "0"]\n',
    'with control characters': f'names: ["0"]\nx: "{ESCAPES}\n',
}
ENTITIES = ''.join(f'<!ENTITY {b} "{f"&{a};" * 9}">' for a, b in zip('abcdefghi', 'bcdefghij', strict=True))
XMLS: dict[str, str | bytes] = {
    'of entities that multiply': f'<!DOCTYPE x [<!ENTITY a "{"a" * 99}">{ENTITIES}]><annotation>&j;</annotation>',
    'of an entity that is a file': '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>',
    'nested deep': '<a>' * 200_000,
    'of a slow encoding': '<?xml version="1.0" encoding="punycode"?><annotation/>' + 'a' * 1_000_000,
    'of an unknown encoding': '<?xml version="1.0" encoding="x-none"?><annotation/>',
    'of 20 MB': '<annotation>' + ' ' * 20_000_000 + '</annotation>',
    'empty': '',
    'cut': '<annotation><object>',
    'with a box of 400 digits': '<annotation><object><name>1</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>'
    f'{DIGITS}</xmax><ymax>9</ymax></bndbox></object></annotation>',
}
CSVS: dict[str, str | bytes] = {
    'with a field of 200 kB': f'file,number\n{"a" * 200_000},1\n',
    'with a number of 5,000 digits and a gone photo': f'file,number\n1.png,{"1" * 5000}\n',
    'with null characters': b'file,number\na\0b.png,1\n',
    'with control characters': f'file,number\n{ESCAPES}.png,x\n',
    'no UTF-8': b'file,number\n\xff.png,1\n',
    'empty': '',
    'with a name that leaves the folder': 'file,number\n../1.png,1\n',
    'with an open quote': 'file,number\n"1.png,1\n',
}
CONFIGS: dict[str, str] = {
    'that runs code': 'import os\nos.system("touch ran")\n',
    'that runs code in a value': 'model = __import__("os").system("touch ran")\n',
    'nested deep': 'a = ' + '(' * 5000 + ')' * 5000 + '\n',
    'of 5 MB': f'a = "{"a" * 5_000_000}"\n',
    'with a number of 5,000 digits': f'a = {"1" * 5000}\n',
    'with a null character': 'a = "\0"\n',
}


def without_effect(folder: Path, ended: Ended, path: Path) -> None:
    """Raise AssertionError if a tool did not end in one line, or if it ran something."""
    if ended.code:
        ended.must_refuse()
        assert path.name.encode('unicode_escape').decode()[:40] in ended.err, (
            f'{path.name} is not named: {ended.err[:300]}'
        )
    assert 'Traceback' not in ended.err, ended.err[-300:]
    assert not list(folder.rglob('ran')), 'code ran'


def bounded(scene: Scene, folder: Path, name: str, *arguments: object) -> Ended:
    """Run a tool as a new process with at most MEMORY of address space."""
    limits = partial(resource.setrlimit, resource.RLIMIT_AS, (MEMORY, MEMORY))
    process = scene.new_process(name, *arguments, cwd=folder, preexec_fn=limits)
    return end_of(process)


def photo(make: Make, scene: Scene, folder: Path) -> None:
    """Import a photo with its label."""
    make(folder / '1.png')
    (folder / 'labels.json').write_text(json.dumps(coco([IMAGE], [BOX])))
    ended = scene.tool('prepare_data.py', 'coco', '--src', folder / 'labels.json', '--out', folder / 'out', cwd=folder)
    ended.must_refuse()
    without_effect(folder, ended, folder / '1.png')


def ghostscript(scene: Scene, folder: Path) -> None:
    """Read PostScript with a program `gs` in the path, which Pillow would start."""
    program = folder / 'gs'
    program.write_text(f'#!/bin/sh\ntouch {folder}/ran\n')
    program.chmod(0o755)
    (folder / '1.png').write_bytes(PHOTOS['PostScript'])
    path = f'{folder}:{os.environ["PATH"]}'
    ended = scene.tool('predict.py', folder / '1.png', PATH=path)
    assert ended.code == 1 and '1.png: is not a photo that can be read' in ended.err, ended.err[-300:]
    without_effect(folder, Ended(0, ended.out, ended.err), folder / '1.png')


def photos_in_folder(scene: Scene, folder: Path) -> None:
    """Read a folder in which each special file has the name of a photo."""
    for number, make in enumerate(SPECIAL.values()):
        make(folder / f'{number}.png')
    (folder / f'a{ESCAPES}.png').write_bytes(encoded('PNG'))
    ended = scene.tool('predict.py', folder)
    assert ended.code == 1 and f'{len(SPECIAL) - 1} × folder, named pipe' in ended.err, ended.err[-500:]
    assert 'larger than 1000 MB' in ended.err and 'Traceback' not in ended.err, ended.err[-500:]
    assert '\x1b' not in ended.out + ended.err, 'control characters'


def labels(make: Make, scene: Scene, folder: Path) -> None:
    """Import labels in COCO's format."""
    make(folder / 'labels.json')
    (folder / '1.png').write_bytes(encoded('PNG'))
    ended = bounded(scene, folder, 'prepare_data.py', 'coco', '--src', folder / 'labels.json', '--out', folder / 'out')
    ended.must_refuse()
    without_effect(folder, ended, folder / 'labels.json')


def predictions(make: Make, scene: Scene, folder: Path) -> None:
    """Make a submission of a pred.json."""
    make(folder / 'pred.json')
    ended = bounded(scene, folder, 'dump_results.py', folder / 'pred.json', '--ann', scene.root / 'valid.json')
    ended.must_refuse()
    without_effect(folder, ended, folder / 'pred.json')
    assert not (folder / 'pred.csv').exists()


def reader(make: Make, scene: Scene, folder: Path) -> None:
    """Read numbers with a reader.json."""
    make(folder / 'reader.json')
    arguments = [scene.dumped / 'pred.json', '--ann', scene.root / 'valid.json', '--out', folder / 'out']
    ended = bounded(scene, folder, 'dump_results.py', *arguments, '--reader', folder / 'reader.json')
    ended.must_refuse()
    without_effect(folder, ended, folder / 'reader.json')


def tree(layout: str, name: str, make: Make, is_refused: bool, scene: Scene, folder: Path) -> None:
    """Import a folder of labels of a tool that has one hostile file."""
    photos, texts = {'yolo': ('images', 'labels'), 'voc': ('JPEGImages', 'Annotations')}[layout]
    for part in (photos, texts):
        (folder / 'src' / part).mkdir(parents=True)
    for number in range(1, 4):
        (folder / 'src' / photos / f'{number}.png').write_bytes(encoded('PNG', compress_level=number))
        if layout == 'yolo':
            (folder / 'src' / texts / f'{number}.txt').write_text('0 .5 .5 .4 .4\n')
        else:
            box = ''.join(
                f'<{key}>{value}</{key}>'
                for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), (5, 5, 15, 15), strict=True)
            )
            text = f'<annotation><object><name>1</name><bndbox>{box}</bndbox></object></annotation>'
            (folder / 'src' / texts / f'{number}.xml').write_text(text)
    if layout == 'yolo':
        (folder / 'src/data.yaml').write_text('names: ["0"]\n')
    path = folder / 'src' / name
    path.unlink(missing_ok=True)
    make(path)
    out = ['--out', folder / 'out', '--ignore-copies']
    ended = bounded(scene, folder, 'prepare_data.py', layout, '--src', folder / 'src', *out)
    if is_refused:
        ended.must_refuse()
    else:
        ended.must_succeed()
    without_effect(folder, ended, folder / 'src')


def numbers(make: Make, scene: Scene, folder: Path) -> None:
    """Import a list of photos and numbers."""
    make(folder / 'list.csv')
    arguments = ['numbers', '--src', folder / 'list.csv', '--images', folder, '--out', folder / 'out']
    ended = bounded(scene, folder, 'prepare_data.py', *arguments)
    ended.must_refuse()
    assert 'Traceback' not in ended.err


def config(make: Make, scene: Scene, folder: Path) -> None:
    """Report on a work dir with a hostile config."""
    work = folder / 'work'
    (work / '20260101_000000/vis_data').mkdir(parents=True)
    (work / '20260101_000000/vis_data/scalars.json').write_text('{"step": 1, "loss": 1.0, "epoch": 1}\n' + '[' * 5000)
    (work / 'last_checkpoint').write_text('epoch_1.pth')
    make(work / 'config.py')
    ended = scene.tool('report.py', work, '--out', folder / 'page.html', cwd=folder)
    without_effect(folder, ended, work)
    weights = scene.trained / 'epoch_2.pth'
    (work / 'epoch_1.pth').symlink_to(weights)
    ended = scene.tool('predict.py', scene.root / 'valid/1.png', '--checkpoint', work / 'epoch_1.pth', cwd=folder)
    without_effect(folder, ended, work / ('config.py' if ended.code else ''))


class _Runs:
    """An object whose unpickling runs code."""

    def __reduce__(self) -> tuple:
        return os.system, ('touch ran',)


def weights_files() -> dict[str, Make]:
    """List the makers of checkpoints."""
    import torch

    def saved(content: object, **options: object) -> Make:
        return lambda path: torch.save(content, path, **options)

    def packed(path: Path) -> None:
        plain = path.with_name('plain')
        torch.save({'state_dict': {'a': torch.zeros(10_000_000)}}, plain)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as target:
            for info in source.infolist():
                target.writestr(info.filename, source.read(info))

    one = torch.ones(3)
    return {
        'that runs code': saved({'state_dict': {'a': one}, 'meta': _Runs()}),
        'that runs code, a pickle': lambda path: path.write_bytes(pickle.dumps({'state_dict': _Runs()})),
        'of no numbers': saved({'state_dict': {'a': one * torch.nan}}),
        'of infinite numbers': saved({'state_dict': {'a': one * torch.inf}}),
        'of sparse tensors': saved({'state_dict': {'a': torch.eye(3).to_sparse()}}),
        'with a list as meta': saved({'state_dict': {'a': one}, 'meta': ['x']}),
        'with a number as weights': saved({'state_dict': 3}),
        'of no memory and many values': saved({'state_dict': {'a': torch.ones(1).expand(10**12)}}),
        'that is compressed': packed,
        'empty': write(b''),
        'of text': write('weights'),
        'cut': lambda path: path.write_bytes(b'PK\x03\x04' + bytes(100)),
        'of a name of 5,000 letters': saved({'state_dict': {'a' * 5000: one * torch.nan}}),
        **SPECIAL,
    }


def weights(make: Make, suffix: str, scene: Scene, folder: Path) -> None:
    """Export a checkpoint."""
    path = folder / f'w.{suffix}'
    make(path)
    ended = scene.tool('export_weights.py', path, folder / 'out.safetensors', cwd=folder)
    ended.must_refuse()
    without_effect(folder, ended, path)
    assert not (folder / 'out.safetensors').exists()


SAFETENSORS: dict[str, Make] = {
    'of a header of exabytes': write(struct.pack('<Q', 2**62) + b'{}'),
    'of a deep header': write(struct.pack('<Q', 100_000) + b'[' * 100_000),
    'with places outside the file': write(
        struct.pack('<Q', 62) + b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36000000]}}'.ljust(62)
    ),
    'empty': write(b''),
}


def zipped(path: Path, compression: int = zipfile.ZIP_DEFLATED, **contents: bytes) -> None:
    """Make a zip; `pred_json` is pred.json."""
    with zipfile.ZipFile(path, 'w', compression) as archive:
        for name, content in contents.items():
            archive.writestr(name.replace('_', '.'), content)


def listing(path: Path) -> None:
    """Make a zip with many files of no content."""
    with zipfile.ZipFile(path, 'w') as archive:
        for number in range(60_000):
            archive.writestr(f'{number:0200}', b'')


ZIPS: dict[str, Make] = {
    'that unpacks to 300 MB': partial(zipped, pred_json=b'[' + b'[],' * 100_000_000 + b'[]]', pred_csv=b''),
    'packed by LZMA': partial(zipped, compression=zipfile.ZIP_LZMA, pred_json=bytes(1000), pred_csv=b''),
    'with 60,000 files': listing,
    'with a deep pred.json': partial(zipped, pred_json=b'[' * 100_000, pred_csv=b'image_id,pred_label\n'),
    'with a long field': partial(zipped, pred_json=b'[]', pred_csv=b'image_id,pred_label\n1,' + b'1' * 200_000),
    'with names of control characters': partial(zipped, **{ESCAPES: b''}),
    'cut': write(b'PK\x03\x04' + bytes(100)),
    **SPECIAL,
}


def submission(make: Make, scene: Scene, folder: Path) -> None:
    """Check a zip: its faults are listed, and the exit code is 1, or 2 if there is no file."""
    make(folder / 'submission.zip')
    ended = bounded(
        scene, folder, 'dump_results.py', folder / 'submission.zip', '--ann', scene.root / 'valid.json', '--check'
    )
    assert ended.code in (1, 2), f'exit code {ended.code}: {ended.err[-300:]}'
    assert 'submission.zip' in ended.out + ended.err, 'the zip is not named'
    assert 'Traceback' not in ended.err, ended.err[-300:]
    assert '\x1b' not in ended.out + ended.err, 'control characters'


def packed_tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    """Make a tar.gz."""
    with tarfile.open(path, 'w:gz') as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = '', **pax: str) -> tarfile.TarInfo:
    """Describe a member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.pax_headers = kind, target, pax
    return info


TARS: dict[str, Make] = {
    'that unpacks to 200 MB': lambda path: packed_tar(path, (member('train/1.png'), bytes(200_000_000))),
    'with a header of 200 MB': lambda path: packed_tar(path, (member('train/1.png', comment='a' * 200_000_000), b'')),
    'with a name that leaves the folder': lambda path: packed_tar(path, (member('../../train/ran'), b'')),
    'with a link': lambda path: packed_tar(path, (member('train/1.png', tarfile.SYMTYPE, '/etc/passwd'), b'')),
    'with a device': lambda path: packed_tar(path, (member('train/1.png', tarfile.CHRTYPE), b'')),
    'with a mat that is none': lambda path: packed_tar(path, (member('train/digitStruct.mat'), b'MATLAB')),
    'no gzip': write(b'train'),
    'cut': write(gzip.compress(bytes(1_000_000))[:500]),
}


def mats() -> dict[str, Make]:
    """List the makers of digitStruct.mat."""
    import h5py

    def made(fill: Callable[[h5py.File], object]) -> Make:
        def make(path: Path) -> None:
            with h5py.File(path, 'w') as file:
                fill(file)

        return make

    def claims(file: h5py.File) -> None:
        group = file.create_group('digitStruct')
        for name in ('name', 'bbox'):
            group.create_dataset(name, (10**12, 1), h5py.ref_dtype, chunks=(10**3, 1))

    def elsewhere(file: h5py.File) -> None:
        file['digitStruct'] = h5py.ExternalLink('/etc/passwd', '/')

    def raw(file: h5py.File) -> None:
        group = file.create_group('digitStruct')
        for name in ('name', 'bbox'):
            group.create_dataset(name, (100, 1), 'u1', external=[('/etc/passwd', 0, 100)])

    return {
        'that claims a trillion photos': made(claims),
        'that is a link to another file': made(elsewhere),
        'with values in another file': made(raw),
        'without a group': made(lambda file: None),
        'cut': write(b'\x89HDF\r\n\x1a\n'),
    }


def svhn(name: str, make: Make, scene: Scene, folder: Path) -> None:
    """Import SVHN."""
    path = folder / 'src' / name
    path.parent.mkdir(parents=True)
    make(path)
    ended = bounded(scene, folder, 'prepare_data.py', 'svhn', '--src', folder / 'src', '--out', folder / 'out')
    ended.must_refuse()
    without_effect(folder, ended, path)


def large_photos(scene: Scene, folder: Path) -> None:
    """Import 8 photos of 80 megapixels, which together take 2 GB."""
    rows = zlib.compress(bytes(1 + 4 * 10_000) * 8000, 1)
    content = png(10_000, 8000, (b'IDAT', rows), colour=6)
    for number in range(8):
        (folder / f'{number}.png').write_bytes(content)
    images = [{'id': number, 'file_name': f'{number}.png', 'width': 10_000, 'height': 8000} for number in range(8)]
    (folder / 'labels.json').write_text(json.dumps(coco(images, [BOX])))
    out = ['--out', folder / 'out', '--ignore-copies', '--valid-fraction', 0.5]
    bounded(scene, folder, 'prepare_data.py', 'coco', '--src', folder / 'labels.json', *out).must_succeed()


def faults() -> Iterable[Fault]:
    """List the hostile files by their reader."""
    yield Fault('PostScript with Ghostscript in the path', ghostscript, 6)
    yield Fault('folder of special files called as photos', photos_in_folder, 6)
    yield Fault('eight photos of 80 megapixels', large_photos, 20)
    made: dict[str, tuple[Callable, dict[str, Make]]] = {
        'photo': (photo, {kind: write(content) for kind, content in PHOTOS.items()} | SPECIAL),
        'COCO json': (labels, {kind: write(content) for kind, content in LABELS.items()} | SPECIAL),
        'pred.json': (predictions, {kind: write(content) for kind, content in PREDICTIONS.items()} | SPECIAL),
        'reader.json': (reader, {kind: write(content) for kind, content in READERS.items()} | SPECIAL),
        'CSV': (numbers, {kind: write(content) for kind, content in CSVS.items()} | SPECIAL),
        'config': (config, {kind: write(content) for kind, content in CONFIGS.items()} | {'pipe': os.mkfifo}),
        'checkpoint': (lambda make, *a: weights(make, 'pth', *a), weights_files()),
        'safetensors': (lambda make, *a: weights(make, 'safetensors', *a), SAFETENSORS),
        'zip': (submission, ZIPS),
        'tar.gz': (partial(svhn, 'train.tar.gz'), TARS),
        'digitStruct.mat': (partial(svhn, 'train/digitStruct.mat'), mats()),
    }
    for reader_name, (check, makers) in made.items():
        for kind, make in makers.items():
            yield Fault(f'{reader_name} {kind}', partial(check, make), 1.5)
    for kind, text in YAMLS.items():
        yield Fault(f'data.yaml {kind}', partial(tree, 'yolo', 'data.yaml', write(text), True), 1.5)
    for kind, content in XMLS.items():
        yield Fault(f'xml {kind}', partial(tree, 'voc', 'Annotations/1.xml', write(content), True), 1.5)
    for kind, make in SPECIAL.items():
        yield Fault(f'label file {kind}', partial(tree, 'yolo', 'labels/1.txt', make, kind == 'of a terabyte'), 1.5)
        yield Fault(f'xml {kind}', partial(tree, 'voc', 'Annotations/1.xml', make, kind == 'of a terabyte'), 1.5)
