"""torchvision's operators without torchvision, in a process of their own each: here all of it is imported."""

import sys

import pytest
import torch
from helpers.project import run_python
from torchvision.ops import batched_nms as theirs

from custom.models import torchvision_ops
from custom.utils.errors import UserError


def test_the_operators_work_without_the_rest_and_beside_it():
    code = (
        'import sys, torch; from custom.models.torchvision_ops import load_operators; load_operators()\n'
        'boxes, scores = torch.tensor([[0., 0, 9, 9], [0, 0, 9, 8], [20, 0, 29, 9]]), torch.tensor([.5, .9, .7])\n'
        'print(*torch.ops.torchvision.nms(boxes, scores, .5).tolist())\n'
        'print("torchvision" in sys.modules, "torch._dynamo" in sys.modules)\n'
        'import torchvision; print(*torchvision.ops.nms(boxes, scores, .5).tolist())\n'
        'load_operators(); print(*torch.ops.torchvision.nms(boxes, scores, .5).tolist())'
    )
    assert run_python(code) == ['1', '2', 'False', 'False', '1', '2', '1', '2']


def test_a_library_that_is_not_found_is_looked_for_by_importing_all():
    code = (
        'import pathlib, sys; pathlib.Path.glob = lambda *_: []\n'
        'from custom.models.torchvision_ops import load_operators\nload_operators()\n'
        'print("torchvision" in sys.modules)'
    )
    assert run_python(code) == ['True']


def test_a_pair_that_does_not_fit_is_said(monkeypatch):
    def fail(name):
        raise RuntimeError('operator torchvision::nms does not exist')

    monkeypatch.setattr(torchvision_ops.importlib, 'import_module', fail)
    monkeypatch.setattr(torchvision_ops.importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setattr(torchvision_ops, 'NEEDED', ('no_such_operator',))
    monkeypatch.delitem(sys.modules, 'torchvision')
    with pytest.raises(UserError, match=r'torchvision does not work with torch .*does not exist.*requirements\.txt'):
        torchvision_ops.load_operators()


@pytest.mark.parametrize('count', [0, 1, 300, 1000, 1001])
def test_suppression_within_groups_is_that_of_torchvision(count):
    generator = torch.Generator().manual_seed(count)
    corners = torch.rand(count, 2, generator=generator) * 200
    bboxes = torch.cat([corners, corners + 5 + torch.rand(count, 2, generator=generator) * 40], dim=1)
    scores, groups = torch.rand(count, generator=generator), torch.randint(0, 10, (count,), generator=generator)
    kept = torchvision_ops.batched_nms(bboxes, scores, groups, 0.5)
    assert kept.tolist() == theirs(bboxes, scores, groups, 0.5).tolist()
    assert count < 2 or len(kept) < count
