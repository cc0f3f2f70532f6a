"""Advice for a data root that is not in the layout; each import command runs."""

import json
import shlex
from argparse import ArgumentParser
from pathlib import Path

import pytest
from helpers.project import coco
from PIL import Image

from custom.commands.prepare_data import add_commands
from custom.data.recognition import way_out

VOC = (
    '<annotation><filename>1.jpg</filename><size><width>40</width><height>20</height></size><object><name>7</name>'
    '<bndbox><xmin>5</xmin><ymin>4</ymin><xmax>13</xmax><ymax>16</ymax></bndbox></object></annotation>'
)
NAMES = 'names: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]\n'
COCO = json.dumps(
    coco(
        [{'id': i, 'file_name': f'{i}.jpg', 'width': 40, 'height': 20} for i in (1, 2)],
        [{'id': i, 'image_id': i, 'category_id': 8, 'bbox': [5, 4, 8, 12], 'area': 96, 'iscrowd': 0} for i in (1, 2)],
    )
)


def write(root: Path, **texts: str) -> Path:
    """Write files, whose names have `__` for a slash and `_` for a dot, and two photos in the first one's folder."""
    for name, text in texts.items():
        path = root / name.replace('__', '/').replace('_', '.')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def photos(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for i, grey in ((1, 60), (2, 180)):
        picture = Image.new('L', (40, 20), grey)
        picture.paste(255 - grey, (5 * i, 4, 5 * i + 8, 16))
        picture.save(folder / f'{i}.jpg')


def yolo(root):
    photos(root / 'images')
    write(root, labels__1_txt='7 0.225 0.5 0.2 0.6\n', labels__2_txt='7 0.225 0.5 0.2 0.6\n', data_yaml=NAMES)


def voc(root):
    photos(root / 'JPEGImages')
    write(root, Annotations__1_xml=VOC, Annotations__2_xml=VOC.replace('1.jpg', '2.jpg'))


def roboflow(root):
    photos(root / 'train')
    write(root / 'train', annotations_coco_json=COCO)


@pytest.mark.parametrize(('make', 'kind'), [(yolo, 'YOLO'), (voc, 'VOC'), (roboflow, 'json')])
def test_the_command_for_a_folder_of_a_label_tool_imports_it(tmp_path, monkeypatch, make, kind):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / 'my photos')
    said = way_out(Path('my photos'))
    assert kind in said
    command, _, root = said.partition('import it by ')[2].partition(', then set data_root=')
    parser = ArgumentParser()
    add_commands(parser.add_subparsers())
    args = parser.parse_args([*shlex.split(command)[2:], '--valid-fraction', '0.5'])
    args.run(args)
    (made,) = shlex.split(root)
    assert Path(made, 'train.json').is_file()
    assert way_out(Path('data')) == "data/my photos has a train.json: set data_root='data/my photos'"


def test_an_import_goes_beside_a_folder_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yolo(tmp_path / 'data/mine')
    assert '--src data/mine --out data/mine_digits, then set data_root=data/mine_digits' in way_out(Path('data/mine'))


def test_the_advice_for_other_roots(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert way_out(Path('data/synth')).startswith('make demo-data draws synthetic images there')
    assert way_out(Path('gone')) == 'set data_root to the folder that holds it'
    Path('a.json').touch()
    assert way_out(Path('a.json')) == 'a.json is a file; data_root is a folder'
    photos(tmp_path / 'plain')
    assert 'photos without labels; docs/labels.md' in way_out(Path('plain'))
    write(tmp_path / 'plain', train_json=COCO)  # valid.json is missing, and there is nothing to import
    assert way_out(Path('plain')) == 'set data_root to the folder that holds it'
    write(tmp_path / 'svhn', train_tar_gz='')
    assert 'prepare_data.py svhn --src svhn --out data/svhn' in way_out(Path('svhn'))
