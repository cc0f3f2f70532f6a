"""Importing MMDetection in half the time: what it imports for tasks of others waits until somebody asks for it."""

import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

# Who imports what, which then waits. MMDetection augments lanes by imgaug and spoils photos by imagecorruptions, which
# bring numba and scikit-image along; by scipy it assigns boxes one to one, and fits curves; by matplotlib it draws.
# mmengine's modules shard a model over GPUs; its registries, which hold their classes, look there when they are asked
# for the first time.
POSTPONED = {
    'mmdet': ('imgaug', 'imagecorruptions', 'matplotlib', 'scipy'),
    'mmengine': (
        'mmengine.model.wrappers.fully_sharded_distributed',
        'mmengine.optim.optimizer.zero_optimizer',
        'mmengine._strategy.fsdp',
    ),
}


class _Later(type):
    """The class of what was imported from a postponed module: each stands for the real thing, and works like it."""

    def __new__(cls, name: str, bases: tuple, namespace: dict, **kwargs: Any) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        real = tuple(base._real() if isinstance(base, _Later) else base for base in bases)  # somebody derives from it
        return types.new_class(name, real, kwargs, lambda own: own.update(namespace))

    def _real(cls) -> Any:
        return getattr(importlib.import_module(cls.__module__), cls.__name__)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._real()(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        there = type(sys.modules.get(cls.__module__)) not in (type(None), _LaterModule)  # else it has no instance yet
        return there and isinstance(instance, cls._real())

    def __getattr__(cls, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(cls._real(), name)


class _LaterModule(types.ModuleType):
    """In the place of a module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        finder = self.__spec__.loader if self.__spec__ else None
        if isinstance(finder, _Postponer) and finder.postpones(self.__name__):
            if name.startswith('__'):
                raise AttributeError(name)
            if finder.is_for(_importer()):
                return _Later(name, (), {'__module__': self.__name__})
            finder.give_up(self.__name__)
        return getattr(importlib.import_module(self.__name__), name)


def _importer() -> str:
    """The name of the module whose code is importing."""
    frame: types.FrameType | None = sys._getframe(2)
    while frame and frame.f_globals.get('__name__', '').startswith('importlib'):
        frame = frame.f_back
    return frame.f_globals.get('__name__', '') if frame else ''


class _Postponer(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds packages, with all modules that they may have, ahead of the real ones."""

    def __init__(self, packages: Iterable[str], user: str) -> None:
        self.packages, self.user = set(packages), user

    def postpones(self, name: str) -> bool:
        return any(name == package or name.startswith(f'{package}.') for package in self.packages)

    def is_for(self, importer: str) -> bool:
        return importer.partition('.')[0] == self.user

    def give_up(self, name: str) -> None:
        """Import the package that a module belongs to as usual from now on."""
        # isinstance would look into modules of others that wait to be run (importlib's LazyLoader), which runs them
        stand_ins = [module for module in list(sys.modules.values()) if type(module) is _LaterModule]
        whole = next(package for package in self.packages if f'{name}.'.startswith(f'{package}.'))
        for module in stand_ins:
            if f'{module.__name__}.'.startswith(f'{whole}.'):
                del sys.modules[module.__name__]
        self.packages.discard(whole)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The stand-in's, where the module is postponed."""
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if self.postpones(name) else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The stand-in."""
        return _LaterModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """There is nothing to run yet."""


@contextlib.contextmanager
def postponed(*packages: str, user: str) -> Iterator[None]:
    """Within the context, modules of `user` that import one of the packages get stand-ins, which work all the same.

    What they stand for is imported when it is used, or when another module than those of `user` wants it. A package
    that is imported already stays as it is, and one that is not installed is missing as it would be.
    """
    wanted = [name for name in packages if name not in sys.modules and importlib.util.find_spec(name.partition('.')[0])]
    finder = _Postponer(wanted, user)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in list(finder.packages):
            finder.give_up(name)


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """What the import of MMDetection needs not do is not done: see `POSTPONED`.

    Nor is garbage looked for among thousands of modules, now or later: none of them is.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with contextlib.ExitStack() as stack:
            for user, packages in POSTPONED.items():
                stack.enter_context(postponed(*packages, user=user))
            yield
        from mmdet.registry import MODEL_WRAPPERS, OPTIMIZERS
        from mmengine.registry import STRATEGIES

        for registry, module in zip((MODEL_WRAPPERS, OPTIMIZERS, STRATEGIES), POSTPONED['mmengine'], strict=True):
            registry._locations = [*registry._locations, module]  # several registries may have the same list
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
