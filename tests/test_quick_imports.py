"""What waits to be imported works as if it had been, each in a process of its own."""

import subprocess
import sys

import pytest
from conftest import ROOT

PACKAGE = {
    '__init__.py': 'print("run")',
    'shapes.py': 'class Box:\n    sides = 4\n    def __init__(self, x): self.x = x\ndef double(x): return 2 * x\n',
    'user.py': (
        'import heavy.shapes as shapes\nfrom heavy.shapes import Box, double\n'
        'def is_box(x): return isinstance(x, Box)\n'
        'def use(): return double(4), shapes.double(5), Box(x=3).x, Box.sides, isinstance(Box(1), Box)\n'
    ),
}


@pytest.fixture
def run(tmp_path):
    """What a program prints that has the package `heavy` at hand."""
    (tmp_path / 'heavy').mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / 'heavy' / name).write_text(text)
    (tmp_path / 'heavy' / 'user.py').rename(tmp_path / 'user.py')

    def run(code):
        code = f'import sys; sys.path += [{str(tmp_path)!r}, {str(ROOT)!r}]\n{code}'
        done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_a_postponed_package_is_imported_when_it_is_used(run):
    said = run(
        'from custom.quick_imports import postponed\n'
        'with postponed("heavy", "not_installed", user="user"):\n'
        '    import user\n'
        '    try: import not_installed\n'
        '    except ImportError: print("missing")\n'
        'print(user.is_box(3), "heavy" in sys.modules)\n'
        'print(user.use())\n'
        'import heavy.shapes; print(isinstance(heavy.shapes.Box(2), user.Box))'
    )
    assert said == ['missing', 'False False', 'run', '(8, 10, 3, 4, True)', 'True']


def test_others_get_the_real_one_and_what_stood_for_it_works_on(run):
    said = run(
        'from custom.quick_imports import postponed\n'
        'with postponed("heavy", user="user"):\n'
        '    import user\n'
        '    import heavy.shapes\n'
        '    print("still postponed")\n'
        '    from heavy.shapes import Box\n'
        '    class Large(Box): pass\n'
        '    print(Large(5).x, user.use())\n'
        'print(sys.modules["heavy.shapes"].Box is Box, heavy.shapes.double(6))'
    )
    assert said == ['still postponed', 'run', '5 (8, 10, 3, 4, True)', 'True 12']


def test_what_is_derived_from_is_imported(run):
    said = run(
        'from custom.quick_imports import postponed\n'
        'with postponed("heavy", user="user"):\n'
        '    import user\n'
        '    class Large(user.Box):\n'
        '        def side(self): return self.x\n'
        'print(Large(5).side(), Large.__mro__[1].__module__, user.is_box(Large(1)))'
    )
    assert said == ['run', '5 heavy.shapes True']


def test_what_is_imported_already_stays(run):
    said = run(
        'import heavy.shapes\nfrom custom.quick_imports import postponed\n'
        'with postponed("heavy", user="user"): import user\n'
        'print(user.Box is heavy.shapes.Box)'
    )
    assert said == ['run', 'True']


def test_garbage_is_collected_again_afterwards(run):
    code = (
        'import gc\nfrom custom.quick_imports import quick_imports\n'
        'with quick_imports(): print(gc.isenabled())\n'
        'print(gc.isenabled(), gc.get_freeze_count() > 0)\n'
        'gc.disable()\n'
        'with quick_imports(): pass\n'
        'print(gc.isenabled())'
    )
    assert run(code) == ['False', 'True True', 'False']


def test_mmdetection_comes_without_what_takes_seconds_and_can_use_it():
    code = (
        'import sys, custom.register\n'
        'slow = "imgaug", "matplotlib", "scipy", "numba", "torchvision", "timm", "torch._dynamo", "pandas", "sympy"\n'
        'print([name for name in slow if name in sys.modules])\n'
        'from mmdet.registry import TRANSFORMS\n'
        'flip = TRANSFORMS.get("mmdet.ImageAug")\n'
        'from mmdet.datasets.transforms.generate_line import LineString\n'
        'print(LineString([(0, 0), (3, 4)]).length)\n'
        'from mmdet.models.task_modules.assigners.topk_hungarian_assigner import linear_sum_assignment as pairs\n'
        'print([index.tolist() for index in pairs([[3, 1], [2, 2]])])\n'
        'import matplotlib.pyplot as plt; print(len(plt.figure().axes))\n'
        'from mmengine.model import is_model_wrapper\n'
        'from mmengine.registry import FUNCTIONS; FUNCTIONS.get("pseudo_collate")\n'
        'print(is_model_wrapper(plt), "sympy" in sys.modules)\n'
        'from mmdet.registry import MODEL_WRAPPERS, OPTIMIZERS\n'
        'from mmengine.registry import STRATEGIES\n'
        'names = {"MMFullyShardedDataParallel": MODEL_WRAPPERS, "ZeroRedundancyOptimizer": OPTIMIZERS}\n'
        'names["FSDPStrategy"] = STRATEGIES\n'
        'print(*(registry.get(name).__mro__[1].__name__ for name, registry in names.items()))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = ['[]', '5.0', '[[0, 1], [1, 0]]', '0', 'False False']
    assert done.stdout.splitlines() == [*said, 'FullyShardedDataParallel ZeroRedundancyOptimizer DDPStrategy']
