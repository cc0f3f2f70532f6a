"""Stand-ins for modules that MMDetection imports and this project does not use: half of the time of the import."""

import contextlib
import gc
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any

LANES = 'imgaug imgaug.augmenters imgaug.augmentables imgaug.augmentables.lines imgaug.augmentables.segmaps'
SHARDING = (  # mmengine's registries import them at the first look-up of a class that they do not hold
    'mmengine.model.wrappers.fully_sharded_distributed',
    'mmengine.optim.optimizer.zero_optimizer',
    'mmengine._strategy.fsdp',
)
SHARED = (
    'scipy scipy.interpolate scipy.linalg scipy.optimize scipy.sparse scipy.sparse.csgraph '
    'matplotlib matplotlib.colors matplotlib.patches matplotlib.pyplot'
)
# Optional packages that MMDetection imports, too. Where one is installed, it needs the real scipy and matplotlib.
SHARING = ('albumentations', 'cityscapesscripts', 'lvis', 'sklearn', 'trackeval', 'transformers')


class _Unused(types.ModuleType):
    """A module whose names are callables that import the real one when they are called."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is not self:  # MMDetection is imported
            return getattr(importlib.import_module(self.__name__), name)
        if name.startswith('__'):
            raise AttributeError(name)
        real = lambda *args, **kwargs: getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)  # noqa: E731
        return sys.modules.get(f'{self.__name__}.{name}', real)


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Import MMDetection faster within the context: unused modules are replaced by stand-ins, and removed afterwards.

    Packages that are imported already stay. The stand-ins remain in MMDetection's modules only, where they import the
    real modules on use.
    """
    names = [*LANES.split(), 'imagecorruptions', *(name for name in SHARDING if name not in sys.modules)]
    if not any(importlib.util.find_spec(package) for package in SHARING):
        names += SHARED.split()
    loaded = sys.modules.keys() - {'mmengine'}
    stand_ins = {name: _Unused(name) for name in names if name.partition('.')[0] not in loaded}
    sys.modules.update(stand_ins)
    collecting = gc.isenabled()
    gc.disable()  # thousands of modules hold no garbage
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        for name in stand_ins:
            del sys.modules[name]
    from mmdet.registry import MODEL_WRAPPERS, OPTIMIZERS
    from mmengine.registry import STRATEGIES

    for registry, module in zip((MODEL_WRAPPERS, OPTIMIZERS, STRATEGIES), SHARDING, strict=True):
        registry._locations = [*registry._locations, module]  # several registries may have the same list
