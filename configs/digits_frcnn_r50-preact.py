"""digits_frcnn with a pre-activation ResNet-50 (v2), timm's resnetv2_50.

The weights are random, because no package contains trained ones. To use a file of timm's resnetv2_50.a1h_in1k:
--cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=FILE
"""

_base_ = ['./digits_frcnn.py']

model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),  # as in timm's training
    backbone=dict(_delete_=True, type='TimmFeatures', model_name='resnetv2_50'),
    # The stages end in sums without normalisation, so the neck normalises.
    neck=dict(norm_cfg=dict(type='BN')),
)

# Random weights need the full learning rate.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1.0))))
