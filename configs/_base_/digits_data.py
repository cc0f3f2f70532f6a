# Data set of digits in the layout
#     data_root/train/*  data_root/valid/*  data_root/test/*  data_root/train.json  data_root/valid.json
# No flips, because a mirrored digit is no digit, and no filter for small images.
data_root = 'data/synth'

# (longest side, shortest side) in pixels. The median height of SVHN's training digits at this scale is 84 px.
scale = (512, 128)

train_pipeline = [
    dict(type='LoadPhoto', cache_mb=250),  # per worker
    dict(type='LoadAnnotations', with_bbox=True),
    # Digits are smaller in test photos than in training photos, so some images are zoomed out.
    dict(type='DigitWarp', scale=scale, zoom=(0.5, 1.2)),
    dict(type='DigitDegrade'),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadPhoto'),
    dict(type='Resize', scale=scale, keep_ratio=True),
    # `instances` is the ground truth of the json, for the metrics.
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'),
    ),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='DigitDataset',
        data_root=data_root,
        ann_file='train.json',
        data_prefix=dict(img='train/'),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='DigitDataset',
        data_root=data_root,
        ann_file='valid.json',
        data_prefix=dict(img='valid/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='DigitFolder',
        data_root=data_root,
        data_prefix=dict(img='test/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

# pred.json has boxes of all scores, for AP. Numbers are read from candidates with score_thr. TuneReaderHook tunes both
# thresholds after training for tools/test.py; the figures of each epoch are measured with these.
val_evaluator = [dict(type='DigitMetric'), dict(type='NumberMetric', reader=dict(score_thr=0.6, iou_thr=0.3))]
test_evaluator = val_evaluator
