"""MMDetection's own Python interface with this project's configs and weights."""

import json
import subprocess
import sys

import pytest
import torch
from helpers.project import ROOT
from PIL import Image
from safetensors.torch import load_file

WEIGHTS = ROOT / 'weights/digits_frcnn_lite.safetensors'
PROGRAM = """
import json, sys
from mmdet.apis import DetInferencer, inference_detector, init_detector
config, photo, *files = sys.argv[1:]
found = []
for file in files:
    model = init_detector(config, file, device='cpu')
    inferencer = DetInferencer(config, file, device='cpu', show_progress=False)
    boxes = inferencer(photo, out_dir='out', no_save_pred=False)['predictions'][0]['bboxes']
    same = inference_detector(model, photo).pred_instances.bboxes.tolist()
    found.append([model.dataset_meta['classes'], inferencer.model.dataset_meta['classes'], boxes, same])
pixels = inferencer.pipeline(photo)['data_samples'].ori_shape
array = inferencer(__import__('cv2').imread(photo))['predictions'][0]['bboxes']
json.dump([found, pixels, array], open('found.json', 'w'))
"""


@pytest.mark.integration
def test_it_names_the_digits_from_any_folder(tmp_path):
    weights = load_file(WEIGHTS)
    torch.save(weights, tmp_path / 'bare.pth')
    torch.save({'state_dict': weights, 'meta': {'epoch': 1}}, tmp_path / 'no_classes.pth')
    photo = Image.open(ROOT / 'docs/detections.png').convert('RGB').resize((120, 60))
    exif = photo.getexif()
    exif[0x0112] = 6  # stored on its side
    photo.save(tmp_path / 'photo.jpg', exif=exif)
    files = [WEIGHTS, tmp_path / 'bare.pth', tmp_path / 'no_classes.pth']
    command = [sys.executable, '-c', PROGRAM, ROOT / 'configs/digits_frcnn_lite.py', tmp_path / 'photo.jpg', *files]
    done = subprocess.run([*map(str, command)], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found, shape, array = json.loads((tmp_path / 'found.json').read_text())
    for by_model, by_inferencer, boxes, same in found:
        assert by_model == by_inferencer == list('0123456789')
        assert boxes == same == found[0][2]
    assert shape == [120, 60]  # upright
    torch.testing.assert_close(torch.tensor(array), torch.tensor(found[0][2]), atol=1, rtol=0.1)
    assert (tmp_path / 'out/vis/photo.jpg').is_file()
    assert (tmp_path / 'out/preds/photo.json').is_file()


def test_weights_of_other_classes_are_not_named_digits(tmp_path):
    from custom.models.checkpoints import load_checkpoint

    torch.save({'roi_head.bbox_head.fc_cls.bias': torch.zeros(81)}, tmp_path / 'coco.pth')
    assert 'meta' not in load_checkpoint(tmp_path / 'coco.pth')
    mine = {'dataset_meta': {'classes': tuple('abcdefghij')}}
    torch.save({'state_dict': {'bbox_head.fc_cls.bias': torch.zeros(11)}, 'meta': mine}, tmp_path / 'ten.pth')
    assert load_checkpoint(tmp_path / 'ten.pth')['meta'] == mine
