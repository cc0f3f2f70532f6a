"""`--cfg-options key=value`: checked against the config, so that a misspelt key is said instead of ignored."""

import ast
import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.config import Config, DictAction

from custom.errors import UserError

# What mmengine reads from a config without being an argument of Runner, or of a class that the config names.
_ALSO_TOP_LEVEL = {'find_unused_parameters', 'model_wrapper_cfg', 'runner_type', 'sync_bn', 'tta_model', 'tta_pipeline'}
_ALSO_NESTED = {
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
    'train_dataloader': {'batch_sampler', 'collate_fn', 'dataset', 'num_batch_per_epoch', 'sampler'},
}
_FREE_FORM = {'custom_keys', 'default_hooks', 'dist_cfg', 'env_cfg', 'metainfo', 'mp_cfg', 'randomness'}


def apply_overrides(cfg: Config, options: Iterable[str]) -> None:
    """Merge `key=value` strings into `cfg`, in place.

    Values are Python literals where they can be (`(256, 96)`, `'a b'`, `0.5`, `None`), else read as mmengine does
    (`true`, `a,b`). A key that holds a string keeps the text as it was typed: commas, spaces and `0007` survive.
    `data_root` moves every dataset that had the old one.

    Raises:
        UserError: no `=`, a key that neither the config nor the class it configures knows, or a value out of place.
    """
    for option in options:
        key, equals, text = option.partition('=')
        if not equals or not key:
            raise UserError(f'--cfg-options {option}: must be key=value, as in train_dataloader.batch_size=4')
        old = _lookup(cfg, key)
        value = _parse(text, old, option)
        if isinstance(old, (int, float)) and isinstance(value, str):
            raise UserError(f'--cfg-options {option}: must be a value like the present {old!r}')
        old_root = cfg.get('data_root')
        try:
            cfg.merge_from_dict({key: value})
        except (TypeError, KeyError, IndexError) as error:
            raise UserError(f'--cfg-options {option}: does not fit the config ({error})') from None
        if key == 'data_root':
            _move_data_root(cfg._cfg_dict, old_root, value)


def _parse(text: str, old: Any, option: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        if isinstance(old, str):
            return text
        try:
            return DictAction._parse_iterable(text)
        except AssertionError as error:
            raise UserError(f'--cfg-options {option}: {error}') from None
    return text if isinstance(old, str) and not isinstance(value, (str, type(None))) else value


def _lookup(cfg: Config, key: str) -> Any:
    """The present value at `key`, or None where it would be new.

    Raises:
        UserError: nothing would ever read that key.
    """
    node: Any = cfg._cfg_dict
    parts = key.split('.')
    for depth, part in enumerate(parts):
        if isinstance(node, Mapping):
            if part not in node:
                _refuse_unknown(node, parts[:depth], part)
                return None
            node = node[part]
        elif isinstance(node, (list, tuple)):
            if not part.isdecimal() or int(part) >= len(node):
                raise UserError(
                    f'--cfg-options {key}: {part!r} must be a number below {len(node)}, the length of that list'
                )
            node = node[int(part)]
        else:
            return None
    return node


def _refuse_unknown(node: Mapping, path: list[str], part: str) -> None:
    name = path[-1] if path else ''
    if name in _FREE_FORM:
        return
    known = _arguments(node, path)
    if known is None or part in known:
        return
    near = difflib.get_close_matches(part, {*known, *node}, n=1, cutoff=0.5)
    meant = f'did you mean {".".join([*path, near[0]])}?' if near else f'it knows {", ".join(sorted(node))}'
    raise UserError(f'--cfg-options {".".join([*path, part])}: the config has no such key; {meant}')


def _arguments(node: Mapping, path: list[str]) -> set[str] | None:
    """Names that what reads `node` would take; None where that cannot be known."""
    from mmengine.runner import Runner
    from torch.utils.data import DataLoader

    if not path:
        return _parameters(Runner) | _ALSO_TOP_LEVEL
    if path[-1].endswith('_dataloader'):
        return _parameters(DataLoader) | _ALSO_NESTED['train_dataloader']
    if 'type' not in node:
        return set()
    cls = _class_of(node['type'])
    return None if cls is None else _parameters(cls) | _ALSO_NESTED.get(path[-1], set())


def _class_of(name: Any) -> type | None:
    import mmdet.registry
    from mmdet.utils import register_all_modules
    from mmengine.registry import Registry

    if inspect.isclass(name):
        return name
    register_all_modules(init_default_scope=False)
    for registry in vars(mmdet.registry).values():
        found = registry.get(name) if isinstance(registry, Registry) else None
        if inspect.isclass(found):
            return found
    return None


def _parameters(cls: type) -> set[str]:
    """Every argument of `cls` and, where it passes `**kwargs` on, of its parents."""
    names: set[str] = set()
    for base in cls.__mro__[:-1]:
        if '__init__' in vars(base):
            names.update(inspect.signature(base.__init__).parameters)  # type: ignore[misc]
    return names - {'self', 'args', 'kwargs'}


def _move_data_root(node: Any, old: Any, new: Any) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == 'data_root' and value == old:
                node[key] = new
            else:
                _move_data_root(value, old, new)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _move_data_root(value, old, new)
