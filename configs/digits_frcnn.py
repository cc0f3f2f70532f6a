"""Faster R-CNN, ResNet-50 and FPN: MMDetection's own base, with what digits ask for."""

_base_ = [
    'mmdet::_base_/models/faster-rcnn_r50_fpn.py',
    './_base_/digits_data.py',
    './_base_/digits_schedule.py',
    './_base_/digits_runtime.py',
    './_base_/digits_tta.py',
]

num_classes = 10  # '0' to '9', custom.structures.digits.DIGITS

model = dict(
    # The types named here and the small counts below make it several times as fast: docs/performance.md.
    type='DigitFasterRCNN',
    group_size=4,  # photos of a batch that are padded alike, on a CPU; 0: all
    fast_convolutions=True,  # on a CPU; custom/models/convolutions.py
    data_preprocessor=dict(pad_size_divisor=16),
    rpn_head=dict(
        type='BatchedRPNHead',
        anchor_generator=dict(
            # 16 to 256 px (4 x stride), each once more at 1.4 times that.
            scales=[4, 5.66],
            # Height / width. Digit boxes are 2.1 times as high as wide at the median, 1.2 to 4.7 from 1 % to 99 %.
            ratios=[1.3, 2.1, 3.6],
        ),
    ),
    roi_head=dict(type='BatchedRoIHead', bbox_head=dict(num_classes=num_classes)),
    # A photo holds a handful of digits, not the hundreds of objects that 1000 proposals and 512 samples are for.
    train_cfg=dict(rpn_proposal=dict(nms_pre=300, max_per_img=64), rcnn=dict(sampler=dict(num=48, pos_fraction=0.5))),
    test_cfg=dict(
        rpn=dict(nms_pre=64, max_per_img=32),
        # AP counts low scores too: 0.001 instead of 0.05. The number is read with a threshold of its own.
        rcnn=dict(score_thr=0.001, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100),
    ),
)

# The ImageNet weights need less change than the new heads.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
