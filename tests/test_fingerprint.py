import hashlib
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from custom.fingerprint import fingerprint

WEIGHTS = {'b': torch.tensor([[1.5], [0.1]]), 'a': torch.tensor([2.0]), 'steps': torch.tensor(7)}


def test_by_hand():
    halves = [torch.tensor(values, dtype=torch.float16).numpy().tobytes() for values in ([2.0], [1.5, 0.1])]
    text = b'a (1,)\n' + halves[0] + b'b (2, 1)\n' + halves[1]
    assert fingerprint(WEIGHTS) == hashlib.sha256(text).hexdigest()[:16]


def test_what_does_not_matter():
    own = fingerprint(WEIGHTS)
    assert fingerprint(dict(reversed(WEIGHTS.items()))) == own
    assert fingerprint({name: value.half() for name, value in WEIGHTS.items()} | {'steps': torch.tensor(8)}) == own
    assert fingerprint({f'module.{name}': value for name, value in WEIGHTS.items()}) == own
    assert fingerprint({name: torch.nn.Parameter(WEIGHTS[name]) for name in 'ab'}) == own
    assert fingerprint({**WEIGHTS, 'b': torch.tensor([[1.5, 0.1]]).T}) == own  # not contiguous


@pytest.mark.parametrize(
    'change',
    [
        {'a': torch.tensor([2.01])},
        {'a': torch.tensor([[2.0]])},
        {'c': torch.tensor([2.0])},
        {'b': torch.tensor([[0.1], [1.5]])},
    ],
)
def test_what_matters(change):
    assert fingerprint({**WEIGHTS, **change}) != fingerprint(WEIGHTS)


def test_a_copy_in_16_bits_that_was_saved_has_the_same(tmp_path):
    from safetensors.torch import save_file

    from custom.checkpoints import load_checkpoint

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(30, 40), torch.nn.BatchNorm1d(40))
    weights = {name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()}
    save_file(weights, tmp_path / 'a.safetensors')
    assert fingerprint(load_checkpoint(tmp_path / 'a.safetensors')['state_dict']) == fingerprint(model.state_dict())


def test_the_tools_that_need_no_model_need_no_torch():
    code = 'import custom.readers, custom.report, sys; print({"torch", "mmengine", "mmdet"} & set(sys.modules))'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ('set()\n', '')
