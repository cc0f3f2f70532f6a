"""`--cfg-options key=value`: checked against the config, so that a misspelt key is said instead of ignored."""

from __future__ import annotations

import ast
import difflib
import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..utils.errors import UserError

if TYPE_CHECKING:
    from mmengine.config import Config

# What mmengine reads at a place without being an argument of what it configures, as its docstrings say.
_ALSO = {
    '': 'find_unused_parameters model_wrapper_cfg runner_type sync_bn tta_digits tta_model tta_scales',
    'optim_wrapper': 'constructor paramwise_cfg',
    'paramwise_cfg': 'custom_keys bias_lr_mult bias_decay_mult norm_decay_mult flat_decay_mult dwconv_decay_mult '
    'dcn_offset_lr_mult bypass_duplicate',
    'clip_grad': 'type',
    'dataloader': 'batch_sampler collate_fn dataset num_batch_per_epoch sampler',
}
_FREE_FORM = {'custom_keys', 'default_hooks', 'dist_cfg', 'env_cfg', 'metainfo', 'mp_cfg'}
_PATHS = {'ann_file', 'checkpoint', 'data_root', 'img', 'load_from', 'out_dir', 'work_dir'}


def apply_overrides(cfg: Config, options: Iterable[str]) -> None:
    """Merge `key=value` strings into `cfg`, in place.

    Values are Python literals where they can be (`(256, 96)`, `'a b'`, `0.5`, `None`), else read as mmengine does
    (`true`, `a,b`). A key that holds a string keeps the text as it was typed: commas, spaces and `0007` survive.
    So does every path, with a leading `~` expanded; only `None` is None. A variable of the config (`data_root`,
    `scale`) moves what was made of it: every key that has its text, or its value and its name.

    Raises:
        UserError: no `=`, a key that nothing reads or that would change nothing, or a value out of place.
    """
    copies = _copies(cfg)
    for option in options:
        key, equals, text = option.partition('=')
        if not equals or not key:
            raise UserError(f'--cfg-options {option}: must be key=value, as in train_dataloader.batch_size=4')
        parts = key.split('.')
        old = _lookup(cfg, parts)
        _refuse_copied(cfg, parts, copies, option)
        value = _parse(text, old, key, option)
        _check_value(cfg, parts, old, value, option)
        _check_new_type(cfg, parts, value, option)
        try:
            there = [copy for copy in copies.get(key, []) if (copy, old) in _walk(cfg._cfg_dict, '')]
            cfg.merge_from_dict(dict.fromkeys([key, *there], value))
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise UserError(f'--cfg-options {option}: does not fit the config ({error})') from None


def _copies(cfg: Config) -> dict[str, list[str]]:
    """For every top-level variable, which nothing reads by itself: the keys that were made of it."""
    tree = cfg._cfg_dict
    read = _arguments(tree, []) or {}
    nested = [found for name in tree if name in read for found in _walk(tree[name], name)]
    copies = {}
    for name in tree.keys() - read.keys():
        end = '' if isinstance(tree[name], (dict, list, str)) else f'.{name}'
        copies[name] = [key for key, value in nested if value == tree[name] and key.endswith(end)]
    return copies


def _walk(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    yield key, node
    for part, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _walk(child, f'{key}.{part}' if key else str(part))


def _refuse_copied(cfg: Config, parts: list[str], copies: dict[str, list[str]], option: str) -> None:
    name, *rest = parts
    if name in copies and (not copies[name] or isinstance(cfg._cfg_dict[name], (dict, list))):
        keys = ' and '.join('.'.join([copy, *rest]) for copy in copies[name])
        way_out = f'give {keys}' if keys else 'change it in the config file'
        raise UserError(f'--cfg-options {option}: {name} is used up when the config is read; {way_out}')


def _parse(text: str, old: Any, key: str, option: str) -> Any:
    from mmengine.config import DictAction

    is_path = key.split('.')[-1] in _PATHS and key != 'default_hooks.checkpoint'
    if is_path and isinstance(old, (str, type(None))):
        return None if text == 'None' else os.path.expanduser(text)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        try:
            value = text if isinstance(old, str) else DictAction._parse_iterable(text)
        except AssertionError as error:
            raise UserError(f'--cfg-options {option}: {error}') from None
    return text if isinstance(old, str) and not isinstance(value, (str, type(None))) else value


def _check_value(cfg: Config, parts: list[str], old: Any, value: Any, option: str) -> None:
    if isinstance(old, (int, float)) and isinstance(value, str):
        raise UserError(f'--cfg-options {option}: must be a value like the present {old!r}')
    if isinstance(old, int) and not isinstance(old, bool) and isinstance(value, float):
        node = _lookup(cfg, parts[:-1])
        known = _arguments(node, parts[:-1]) if isinstance(node, Mapping) else None
        # `max_norm=10` and `eta_min=0` are fractions written short.
        if 'float' not in (known or {}).get(parts[-1], ''):
            raise UserError(f'--cfg-options {option}: must be a whole number like the present {old!r}')
    hooks = cfg.get('default_hooks') or {}
    is_hook = len(parts) == 2 and isinstance(value, Mapping) and 'type' in value
    if parts[0] == 'default_hooks' and len(parts) > 1 and parts[1] not in hooks and not is_hook:
        near = difflib.get_close_matches(parts[1], hooks, n=1)
        meant = f'did you mean default_hooks.{near[0]}?' if near else f'it knows {", ".join(hooks)}'
        raise UserError(f'--cfg-options {option}: no such hook; {meant} (a new one is a dict with its type)')


def _check_new_type(cfg: Config, parts: list[str], value: Any, option: str) -> None:
    holder, given = (parts[:-1], {'type': value}) if parts[-1] == 'type' else (parts, value)
    node = _lookup(cfg, holder)
    if not isinstance(node, Mapping) or not isinstance(given, Mapping) or given.get('_delete_'):
        return
    merged = {**node, **given}
    old, new = _class_of(node.get('type')), _class_of(merged.get('type'))
    if old is None or new is None or old is new or _takes_any(new):
        return
    lost = [name for name in merged if name in _parameters(old) and name not in _parameters(new)]
    if lost:
        whole = {name: merged[name] for name in merged if name not in lost} | {'_delete_': True}
        way_out = f'replace the whole dict, as in {".".join(holder)}="{whole}"'
        raise UserError(f'--cfg-options {option}: {new.__name__} takes no {", ".join(lost)}; {way_out}')


def _lookup(cfg: Config, parts: list[str]) -> Any:
    """The present value at a key, or None where it would be new; UserError where nothing would ever read it."""
    node: Any = cfg._cfg_dict
    for depth, part in enumerate(parts):
        if isinstance(node, Mapping):
            if part not in node:
                _refuse_unknown(node, parts[:depth], part)
                return None
            node = node[part]
        elif isinstance(node, (list, tuple)):
            if not part.isdecimal() or int(part) >= len(node):
                must = f'must be a number below {len(node)}, the length of that list'
                raise UserError(f'--cfg-options {".".join(parts)}: {part!r} {must}')
            node = node[int(part)]
        else:
            return None
    return node


def _refuse_unknown(node: Mapping, path: list[str], part: str) -> None:
    known = _arguments(node, path)
    if known is None or part in known or (path and path[-1] in _FREE_FORM):
        return
    near = difflib.get_close_matches(part, {*known, *node}, n=1, cutoff=0.5)
    meant = f'did you mean {".".join([*path, near[0]])}?' if near else f'it knows {", ".join(sorted(node))}'
    raise UserError(f'--cfg-options {".".join([*path, part])}: the config has no such key; {meant}')


def _arguments(node: Mapping, path: list[str]) -> dict[str, str] | None:
    """Names and annotations of what the reader of `node` would take; None where that cannot be known."""
    from mmengine.runner import Runner
    from torch.nn.utils import clip_grad_norm_, clip_grad_value_
    from torch.utils.data import DataLoader

    name = 'dataloader' if path and path[-1].endswith('_dataloader') else ''.join(path[-1:])
    clip = clip_grad_value_ if node.get('type') == 'value' else clip_grad_norm_
    readers = {'': Runner, 'clip_grad': clip, 'dataloader': DataLoader, 'randomness': Runner.set_randomness}
    also = dict.fromkeys(_ALSO.get(name, '').split(), 'float' if name == 'paramwise_cfg' else '')
    if name not in readers and 'type' not in node:
        return also
    reader = readers.get(name) or _class_of(node['type'])
    return None if reader is None else _parameters(reader) | also


def _class_of(name: Any) -> type | None:
    import mmdet.registry
    from mmdet.utils import register_all_modules
    from mmengine.registry import Registry

    if not isinstance(name, str):
        return name if inspect.isclass(name) else None
    register_all_modules(init_default_scope=False)
    registries = [value for value in vars(mmdet.registry).values() if isinstance(value, Registry)]
    return next((found for registry in registries if inspect.isclass(found := registry.get(name))), None)


def _takes_any(function: Any) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def _parameters(reader: Any) -> dict[str, str]:
    """Every argument of a function or class and, where it passes `**kwargs` on, of its parents: name, annotation."""
    bases = reader.__mro__[:-1] if inspect.isclass(reader) else ()
    names: dict[str, str] = {}
    for function in [vars(base)['__init__'] for base in bases if '__init__' in vars(base)] or [reader]:
        names = {p.name: str(p.annotation) for p in inspect.signature(function).parameters.values()} | names
        if not _takes_any(function):
            break
    # clip_grad_norm_ gets its `parameters` from the optimizer.
    return {name: names[name] for name in names if name not in ('self', 'args', 'kwargs', 'parameters')}
