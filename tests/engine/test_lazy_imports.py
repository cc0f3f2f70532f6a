"""The import of MMDetection without unused modules, which are imported on use."""

import subprocess
import sys

import pytest
from helpers.project import ROOT, run_python

pytestmark = pytest.mark.integration


def test_other_code_imports_the_real_modules():
    code = (
        'import gc, sys\n'
        'import mmengine, custom.register\n'
        'left = [*sys.modules.values(), *sys.meta_path]\n'
        'print(gc.isenabled() - gc.get_freeze_count())\n'
        'print(sum(type(one).__module__ == "custom.engine.lazy_imports" for one in left))\n'
        'import scipy.optimize, matplotlib.colors, imgaug.augmenters as iaa\n'
        'from mmdet.datasets.transforms import generate_line\n'
        'from mmdet.visualization import local_visualizer\n'
        'print(scipy.optimize.__file__.endswith("optimize/__init__.py"), isinstance(iaa.Sometimes, type))\n'
        'print(generate_line.iaa.Sometimes is iaa.Sometimes)\n'
        'print(local_visualizer.mcolors.CSS4_COLORS is matplotlib.colors.CSS4_COLORS)'
    )
    assert run_python(code) == ['1', '0', 'True', 'True', 'True', 'True']


def test_imported_modules_stay():
    code = (
        'from scipy.optimize import linear_sum_assignment as real\n'
        'import custom.register\n'
        'from mmdet.models.task_modules.assigners import hungarian_assigner\n'
        'print(hungarian_assigner.linear_sum_assignment is real)'
    )
    assert run_python(code) == ['True']


def test_an_optional_package_that_needs_scipy_gets_the_real_one(tmp_path):
    (tmp_path / 'sklearn').mkdir()
    (tmp_path / 'sklearn/__init__.py').touch()
    (tmp_path / 'sklearn/mixture.py').write_text('from scipy.sparse.linalg import eigsh\nfrom scipy import stats\n')
    code = (
        f'import sys; sys.path.append({str(tmp_path)!r})\n'
        'import custom.register\n'
        'from mmdet.models.dense_heads import paa_head\n'
        'print(paa_head.skm.stats.__name__)'
    )
    assert run_python(code) == ['scipy.stats']


def test_slow_modules_are_not_imported_until_they_are_used():
    code = (
        'import sys, custom.register\n'
        'slow = "imgaug", "tifffile", "shapely", '
        '"matplotlib", "scipy", "numba", "torchvision", "timm", "torch._dynamo", "torch.export", "pandas", "sympy"\n'
        'print([name for name in slow if name in sys.modules])\n'
        'from mmdet.registry import TRANSFORMS\n'
        'flip = TRANSFORMS.get("mmdet.ImageAug")\n'
        'from mmdet.datasets.transforms.generate_line import LineString\n'
        'print(LineString([(0, 0), (3, 4)]).length)\n'
        'from mmdet.models.task_modules.assigners.topk_hungarian_assigner import linear_sum_assignment as pairs\n'
        'print([index.tolist() for index in pairs([[3, 1], [2, 2]])])\n'
        'from mmdet.structures.mask.structures import geometry\n'
        'print(geometry.Polygon([(0, 0), (0, 2), (3, 0)]).area)\n'
        'import matplotlib.pyplot as plt; print(len(plt.figure().axes))\n'
        'from mmengine.model import is_model_wrapper\n'
        'from mmengine.registry import FUNCTIONS; FUNCTIONS.get("pseudo_collate")\n'
        'print(is_model_wrapper(plt), "sympy" in sys.modules)\n'
        'import torch; batch = torch.export.Dim("batch")\n'
        'print(torch.export is sys.modules["torch.export"], batch.__name__)\n'
        'from mmdet.registry import MODEL_WRAPPERS, OPTIMIZERS\n'
        'from mmengine.registry import STRATEGIES\n'
        'names = {"MMFullyShardedDataParallel": MODEL_WRAPPERS, "ZeroRedundancyOptimizer": OPTIMIZERS}\n'
        'names["FSDPStrategy"] = STRATEGIES\n'
        'print(*(registry.get(name).__mro__[1].__name__ for name, registry in names.items()))'
    )
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = ['[]', '5.0', '[[0, 1], [1, 0]]', '3.0', '0', 'False False', 'True batch']
    assert done.stdout.splitlines() == [*said, 'FullyShardedDataParallel ZeroRedundancyOptimizer DDPStrategy']
