"""torchvision's fasterrcnn_resnet50_fpn: digits_frcnn with its anchors, pooling, frozen norms and losses.

With weights of tools/convert_torchvision.py the detections equal torchvision's. Images are scaled as in digits_frcnn
and low scores are kept. torchvision's settings are scale="(1333, 800)" and model.test_cfg.rcnn.score_thr=0.05.
"""

_base_ = ['./digits_frcnn.py']

model = dict(
    group_size=0,
    data_preprocessor=dict(pad_size_divisor=32),
    # torchvision uses eps=0 for its COCO weights of this model: model.backbone.norm_cfg.eps=0.0.
    backbone=dict(norm_cfg=dict(requires_grad=False, eps=1e-5)),
    rpn_head=dict(
        type='RPNHead',
        # Anchors of 32 to 512 px (8 x stride).
        anchor_generator=dict(type='TorchvisionAnchors', scales=[8], ratios=[0.5, 1.0, 2.0]),
        bbox_coder=dict(type='TorchvisionCoder'),
        loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9),
    ),
    roi_head=dict(
        type='StandardRoIHead',
        bbox_roi_extractor=dict(roi_layer=dict(sampling_ratio=2, aligned=False)),
        bbox_head=dict(
            type='TorchvisionBBoxHead',
            num_shared_fcs=2,
            bbox_coder=dict(type='TorchvisionCoder'),
            loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9),
        ),
    ),
    train_cfg=dict(
        rpn=dict(assigner=dict(min_pos_iou=0)),  # a digit is assigned its best anchor at any IoU
        rpn_proposal=dict(nms_pre=2000, max_per_img=2000, min_bbox_size=1e-3),
        rcnn=dict(sampler=dict(num=512, pos_fraction=0.25)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=1000, max_per_img=1000, min_bbox_size=1e-3)),
)
