"""Ranges of settings, on plain dicts."""

import pytest

from custom.runs.ranges import range_faults


@pytest.mark.parametrize(
    ('content', 'keys'),
    [
        ({'train_cfg': {'max_epochs': 1, 'val_interval': 1}}, []),
        ({'train_cfg': {'max_epochs': 0}}, ['train_cfg.max_epochs']),
        ({'train_dataloader': {'dataset': {'indices': 0}}}, ['indices']),
        ({'train_dataloader': {'dataset': {'indices': [0, 3]}}}, []),
        ({'train_dataloader': {'batch_size': 0, 'num_workers': -1}}, ['batch_size', 'num_workers']),
        ({'model': {'roi_head': {'bbox_head': {'num_classes': 11}}}}, ['num_classes']),
        ({'optim_wrapper': {'clip_grad': {'max_norm': float('inf')}}}, []),
        ({'optim_wrapper': {'clip_grad': {'max_norm': float('nan')}}}, ['max_norm']),
        ({'val_dataloader': {'num_workers': 0, 'persistent_workers': True}}, ['persistent_workers']),
    ],
)
def test_the_settings_out_of_range_are_named(content, keys):
    faults = list(range_faults(content))
    assert len(faults) == len(keys)
    assert all(fault.key.endswith(key) for fault, key in zip(faults, keys, strict=True))
