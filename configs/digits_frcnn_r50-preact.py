"""digits_frcnn with a pre-activation ResNet-50 (v2), timm's resnetv2_50.

Its weights are random, since no package brings trained ones. A file of timm's (resnetv2_50.a1h_in1k) is used by
--cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
"""

_base_ = ['./digits_frcnn.py']

model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),  # as timm trained it
    backbone=dict(_delete_=True, type='TimmFeatures', model_name='resnetv2_50'),
    # The stages of such a network end in plain sums: the neck normalises what it takes from them.
    neck=dict(norm_cfg=dict(type='BN')),
)

# Random weights learn at the full rate.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))))
