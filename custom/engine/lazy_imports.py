"""Stand-ins for modules that PyTorch and MMDetection import and this project does not use: half of the import time."""

import contextlib
import gc
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any

from ..utils.processes import no_source_search

SHAPES = 'tifffile shapely shapely.geometry'
LANES = 'imgaug imgaug.augmenters imgaug.augmentables imgaug.augmentables.lines imgaug.augmentables.segmaps'
SHARDING = (  # mmengine's registries import them when they first look up an unknown class
    'mmengine.model.wrappers.fully_sharded_distributed',
    'mmengine.optim.optimizer.zero_optimizer',
    'mmengine._strategy.fsdp',
)
SHARED = (
    'scipy scipy.interpolate scipy.linalg scipy.optimize scipy.sparse scipy.sparse.csgraph '
    'matplotlib matplotlib.colors matplotlib.patches matplotlib.pyplot'
)
# Optional packages that MMDetection imports and that need the real scipy and matplotlib.
SHARING = ('albumentations', 'cityscapesscripts', 'lvis', 'sklearn', 'trackeval', 'transformers')


class _Unused(types.ModuleType):
    """A module of callables that import the real module when they are called."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is not self:  # MMDetection is imported
            return getattr(importlib.import_module(self.__name__), name)
        if name.startswith('__'):
            raise AttributeError(name)
        real = lambda *args, **kwargs: getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)  # noqa: E731
        return sys.modules.get(f'{self.__name__}.{name}', real)


def _import_torch() -> None:
    """Import PyTorch, whose `torch.export` waits until it is used."""
    if 'torch' not in sys.modules:
        sys.modules['torch.export'] = _Unused('torch.export')
        try:
            importlib.import_module('torch')
        finally:
            del sys.modules['torch.export']


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Replace unused modules by stand-ins while PyTorch and MMDetection are imported.

    Packages that are already imported stay. Afterwards only modules of PyTorch and MMDetection refer to the stand-ins,
    which import the real modules on use.
    """
    names = f'imagecorruptions {LANES} {SHAPES}'.split()
    names += [name for name in SHARDING if name not in sys.modules]
    if not any(importlib.util.find_spec(package) for package in SHARING):
        names += SHARED.split()
    loaded = sys.modules.keys() - {'mmengine'}
    stand_ins = {name: _Unused(name) for name in names if name.partition('.')[0] not in loaded}
    sys.modules.update(stand_ins)
    was_enabled = gc.isenabled()
    gc.disable()  # the import of thousands of modules makes no garbage
    try:
        with no_source_search():
            _import_torch()
            yield
    finally:
        if was_enabled:
            gc.enable()
        for name in stand_ins:
            del sys.modules[name]
    from mmdet.registry import MODEL_WRAPPERS, OPTIMIZERS
    from mmengine.registry import STRATEGIES

    for registry, module in zip((MODEL_WRAPPERS, OPTIMIZERS, STRATEGIES), SHARDING, strict=True):
        registry._locations = [*registry._locations, module]  # several registries may share a list
