"""`--cfg-options key=value`, checked against the config: a misspelt key is an error."""

from __future__ import annotations

import ast
import difflib
import inspect
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..utils.errors import UserError
from ..utils.messages import say
from .ranges import RangeFault, range_faults

if TYPE_CHECKING:
    from mmengine.config import Config

# Keys that mmengine reads although the class that they configure has no such argument, by mmengine's docstrings.
_EXTRA_KEYS = {
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

    Values are Python literals where possible (`(256, 96)`, `'a b'`, `0.5`, `None`), else parsed by mmengine (`true`,
    `a,b`). The value of a key that holds text, and every path, stays text: commas, spaces and `0007` survive. `~` at
    the start of a path is expanded. `None` is None. A variable of the config (`data_root`, `scale`) changes its copies
    too: all keys with the same text, or with the same value and name. Of two values for a key the last one holds, and
    a note says so.

    Raises:
        UserError: no `=`, a key that nothing reads, a value that does not fit, or a setting out of range, from an
            option or from the file.
    """
    copies = _copies(cfg._cfg_dict)
    given: dict[str, str] = {}
    sources: dict[RangeFault, str] = dict.fromkeys(range_faults(cfg._cfg_dict), '')
    for option in options:
        tree = cfg._cfg_dict
        key, equals, text = option.partition('=')
        name, *rest = parts = key.split('.')
        try:
            if not equals or not key:
                raise ValueError('must be key=value, as in train_dataloader.batch_size=4')
            old = _lookup(tree, parts)
            if name in copies and (not copies[name] or isinstance(tree[name], (dict, list))):
                keys = ' and '.join('.'.join([copy, *rest]) for copy in copies[name])
                way_out = f'give {keys}' if keys else 'change it in the config file'
                raise ValueError(f'nothing reads {name} once the config is loaded; {way_out}')
            value = _parse(text, old, key)
            if isinstance(old, str) and text in ('True', 'False') and 'bool' in _kind(tree, parts):
                value = text == 'True'  # `model.bfloat16` is 'training' or a bool
            _check_value(tree, parts, old, value)
            _check_new_type(tree, parts, value)
            present = [copy for copy in copies.get(key, []) if (copy, old) in _walk(tree, '')]
            cfg.merge_from_dict(dict.fromkeys([key, *present], value))
            if given.setdefault(key, text) != text:
                say(f'note: --cfg-options {key}: given as {given[key]} and as {text}; the last one holds')
            given[key] = text
            for fault in range_faults(cfg._cfg_dict):
                sources.setdefault(fault, option)
        except ValueError as error:
            raise UserError(f'--cfg-options {option}: {error}') from None
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise UserError(f'--cfg-options {option}: does not fit the config ({error})') from None
    for fault in range_faults(cfg._cfg_dict):
        option, setting = sources[fault], f'{fault.key}={fault.value}: '
        if option.partition('=')[0].split('.')[-1] == fault.key.split('.')[-1]:
            setting = ''
        raise UserError(f'{f"--cfg-options {option}" if option else cfg.filename}: {setting}{fault.rule}')


def _copies(tree: dict) -> dict[str, list[str]]:
    """Return, for every top-level variable that nothing reads itself, the keys that hold its copies."""
    read = _arguments(tree, []) or {}
    nested = [item for name in tree if name in read for item in _walk(tree[name], name)]
    copies = {}
    for name in tree.keys() - read.keys():
        end = '' if isinstance(tree[name], (dict, list, str)) else f'.{name}'
        copies[name] = [key for key, value in nested if value == tree[name] and key.endswith(end)]
    return copies


def _walk(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    yield key, node
    for part, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _walk(child, f'{key}.{part}' if key else str(part))


def _parse(text: str, old: Any, key: str) -> Any:
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
            raise ValueError(error) from None
    return text if isinstance(old, str) and not isinstance(value, (str, type(None))) else value


def _check_value(tree: dict, parts: list[str], old: Any, value: Any) -> None:
    if isinstance(old, (int, float)) and isinstance(value, str) and repr(value) not in _kind(tree, parts):
        raise ValueError(f'must be a value like the present {old!r}')
    is_fraction = isinstance(old, int) and not isinstance(old, bool) and isinstance(value, float)
    if is_fraction and 'float' not in _kind(tree, parts):  # `max_norm=10` and `eta_min=0` are floats
        raise ValueError(f'must be a whole number like the present {old!r}')
    hooks = tree.get('default_hooks') or {}
    is_hook = len(parts) == 2 and isinstance(value, Mapping) and 'type' in value
    if parts[0] == 'default_hooks' and len(parts) > 1 and parts[1] not in hooks and not is_hook:
        hint = _hint(parts[1], hooks, 'default_hooks.')
        raise ValueError(f'no such hook; {hint} (a new one is a dict with its type)')


def _kind(tree: dict, parts: list[str]) -> str:
    """Return the annotation of the argument that a key sets, '' if it is unknown."""
    node = _lookup(tree, parts[:-1])
    known = _arguments(node, parts[:-1]) if isinstance(node, Mapping) else None
    return (known or {}).get(parts[-1], '')


def _hint(name: str, known: Iterable[str], prefix: str) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f'did you mean {prefix}{near[0]}?' if near else f'known: {", ".join(sorted(known))}'


def _check_new_type(tree: dict, parts: list[str], value: Any) -> None:
    holder, given = (parts[:-1], {'type': value}) if parts[-1] == 'type' else (parts, value)
    node = _lookup(tree, holder)
    if not isinstance(node, Mapping) or not isinstance(given, Mapping) or given.get('_delete_'):
        return
    merged = {**node, **given}
    old, new = _class_of(node.get('type')), _class_of(merged.get('type'))
    if old is None or new is None or old is new or _takes_kwargs(new):
        return
    lost = [name for name in merged if name in _parameters(old) and name not in _parameters(new)]
    if lost:
        whole = {name: merged[name] for name in merged if name not in lost} | {'_delete_': True}
        way_out = f'replace the whole dict, as in {".".join(holder)}="{whole}"'
        raise ValueError(f'{new.__name__} takes no {", ".join(lost)}; {way_out}')


def _lookup(tree: dict, parts: list[str]) -> Any:
    """Return the present value of a key, None for a new key; ValueError if nothing reads the key."""
    node: Any = tree
    for depth, part in enumerate(parts):
        if isinstance(node, (list, tuple)):
            if not part.isdecimal() or int(part) >= len(node):
                raise ValueError(f'{part!r} must be a number below {len(node)}, the length of that list')
            node = node[int(part)]
        elif isinstance(node, Mapping) and part in node:
            node = node[part]
        else:
            path = parts[:depth]
            known = _arguments(node, path) if isinstance(node, Mapping) else None
            if known is not None and part not in known and not _FREE_FORM.intersection(path[-1:]):
                raise ValueError(f'the config has no such key; {_hint(part, {*known, *node}, ".".join([*path, ""]))}')
            return None
    return node


def _arguments(node: Mapping, path: list[str]) -> dict[str, str] | None:
    """Return names and annotations of the arguments of what mmengine builds from `node`; None if unknown."""
    from mmengine.runner import Runner
    from torch.nn.utils import clip_grad_norm_, clip_grad_value_
    from torch.utils.data import DataLoader

    name = 'dataloader' if path and path[-1].endswith('_dataloader') else ''.join(path[-1:])
    clip = clip_grad_value_ if node.get('type') == 'value' else clip_grad_norm_
    built = {'': Runner, 'clip_grad': clip, 'dataloader': DataLoader, 'randomness': Runner.set_randomness}
    extra = dict.fromkeys(_EXTRA_KEYS.get(name, '').split(), 'float' if name == 'paramwise_cfg' else '')
    if name not in built and 'type' not in node:
        return extra
    function = built.get(name) or _class_of(node['type'])
    return None if function is None else _parameters(function) | extra


def _class_of(name: Any) -> type | None:
    import mmdet.registry
    from mmdet.utils import register_all_modules
    from mmengine.registry import Registry

    if not isinstance(name, str):
        return name if inspect.isclass(name) else None
    register_all_modules(init_default_scope=False)
    classes = (value.get(name) for value in vars(mmdet.registry).values() if isinstance(value, Registry))
    return next(filter(inspect.isclass, classes), None)


def _takes_kwargs(function: Any) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(function).parameters.values())


def _parameters(function: Any) -> dict[str, str]:
    """Return name and annotation of every argument of a function or class, of parents too if `**kwargs` reach them."""
    bases = function.__mro__[:-1] if inspect.isclass(function) else ()
    names: dict[str, str] = {}
    for one in [vars(base)['__init__'] for base in bases if '__init__' in vars(base)] or [function]:
        names = {p.name: str(p.annotation) for p in inspect.signature(one).parameters.values()} | names
        if not _takes_kwargs(one):
            break
    # clip_grad_norm_ gets its `parameters` from the optimizer.
    return {name: names[name] for name in names if name not in ('self', 'args', 'kwargs', 'parameters')}
