#!/bin/sh
# mmengine's init_cfg initialises a class derived from nn.Conv2d, and passes over a class derived from that one.
#
# onedl-mmengine 0.10.12 (torch 2.14.1), init_cfg=dict(type='Normal', layer='Conv2d', std=0.01), which MMDetection's
# RPNHead has. Expected: every instance of nn.Conv2d gets a standard deviation of 0.01, or there is a warning.
# Seen: the class of a layer and its direct bases are compared by name. A layer two steps below nn.Conv2d keeps torch's
# own initialisation, three times as wide for 256 channels, in silence. A second direct base, nn.Conv2d, helps.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1 onedl-mmengine==0.10.12
# mmengine's opencv-python wants libGL, which servers lack.
"$folder/venv/bin/pip" install --quiet --force-reinstall --no-deps opencv-python-headless==4.12.0.88
cd "$folder"
venv/bin/python - <<'PYTHON' 2>errors.txt || { cat errors.txt; exit 1; }
import torch
from mmengine.model import BaseModule
from torch import nn


class Child(nn.Conv2d):
    pass


class Grandchild(Child):
    pass


class Named(Child, nn.Conv2d):
    pass


class Head(BaseModule):
    def __init__(self, kind):
        super().__init__(init_cfg={'type': 'Normal', 'layer': 'Conv2d', 'std': 0.01})
        self.conv = kind(256, 64, 1)


torch.manual_seed(0)
deviations = {}
for kind in (nn.Conv2d, Child, Grandchild, Named):
    head = Head(kind)
    head.init_weights()
    deviations[kind.__name__] = round(float(head.conv.weight.std()), 3)
print(deviations)
assert deviations == {'Conv2d': 0.01, 'Child': 0.01, 'Grandchild': 0.036, 'Named': 0.01}, deviations
PYTHON
echo 'seen with onedl-mmengine 0.10.12: a layer two classes below nn.Conv2d is not initialised by init_cfg'
