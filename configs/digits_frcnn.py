"""Faster R-CNN with ResNet-50 and FPN: MMDetection's base config, adapted to digits."""

_base_ = [
    'mmdet::_base_/models/faster-rcnn_r50_fpn.py',
    './_base_/digits_data.py',
    './_base_/digits_schedule.py',
    './_base_/digits_runtime.py',
    './_base_/digits_tta.py',
]

num_classes = 10  # '0' to '9', custom.structures.digits.DIGITS

model = dict(
    # These types and the small counts below are for speed: docs/performance.md.
    type='DigitFasterRCNN',
    group_size=4,  # images padded to the same size, on a CPU; 0: the whole batch
    fast_convolutions=True,  # on a CPU: custom/models/convolutions.py
    bfloat16=True,  # on a CPU that is faster with it, which is measured at the start
    data_preprocessor=dict(pad_size_divisor=16),
    rpn_head=dict(
        type='BatchedRPNHead',
        anchor_generator=dict(
            # Anchors of 16 to 256 px (4 x stride), and of 1.4 times these sizes.
            scales=[4, 5.66],
            # Height / width. Digit boxes: median 2.1, 1st to 99th percentile 1.2 to 4.7.
            ratios=[1.3, 2.1, 3.6],
        ),
    ),
    roi_head=dict(type='BatchedRoIHead', bbox_head=dict(num_classes=num_classes)),
    # A photo has few digits. MMDetection's 1000 proposals and 512 samples are for hundreds of objects.
    train_cfg=dict(rpn_proposal=dict(nms_pre=300, max_per_img=64), rcnn=dict(sampler=dict(num=48, pos_fraction=0.5))),
    test_cfg=dict(
        rpn=dict(nms_pre=64, max_per_img=32),
        # 0.001 instead of 0.05, because AP counts low scores. Reading has its own threshold.
        rcnn=dict(score_thr=0.001, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100),
    ),
)

# A lower learning rate for the ImageNet weights than for the new heads.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
