"""Modules that a config names in `custom_imports`."""

import importlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmengine.config import Config


def custom_imports(cfg: 'Config') -> list[str]:
    """Return the modules that `custom_imports` of a config names."""
    imports = cfg.get('custom_imports')
    names = imports.get('imports') if isinstance(imports, dict) else imports
    return list(names) if isinstance(names, (list, tuple)) else [names] if names else []


def import_custom_modules(cfg: 'Config') -> None:
    """Import the modules of `custom_imports`; `custom` stands for this package, which may have another name here."""
    own = __package__.partition('.')[0]
    for name in custom_imports(cfg):
        importlib.import_module(re.sub(r'^custom(?=\.)', own, name))
