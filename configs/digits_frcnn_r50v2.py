"""torchvision's fasterrcnn_resnet50_fpn_v2: the first version with deeper heads and trainable batch norm."""

_base_ = ['./digits_frcnn_r50v1.py']

model = dict(
    backbone=dict(norm_cfg=dict(requires_grad=True), norm_eval=False),
    neck=dict(norm_cfg=dict(type='BN')),
    rpn_head=dict(num_convs=2),
    roi_head=dict(bbox_head=dict(num_shared_convs=4, num_shared_fcs=1, norm_cfg=dict(type='BN'))),
)
