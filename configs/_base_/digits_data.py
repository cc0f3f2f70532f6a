# Photos of digits in the layout
#     data_root/train/*  data_root/valid/*  data_root/test/*  data_root/train.json  data_root/valid.json
# No flips (a mirrored digit is another sign or none), and no photo is left out for being small.
data_root = 'data/synth'

# (longest side, shortest side) in pixels. SVHN's training digits are 84 px high here at the median.
scale = (512, 128)

train_pipeline = [
    dict(type='LoadPhoto', cache_mb=250),  # in each worker
    dict(type='LoadAnnotations', with_bbox=True),
    # Test photos show their digits smaller than training photos do: some are put on a larger canvas.
    dict(type='DigitWarp', scale=scale, zoom=(0.5, 1.2)),
    dict(type='DigitDegrade'),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadPhoto'),
    dict(type='Resize', scale=scale, keep_ratio=True),
    # `instances` is the truth as the json has it; the metrics score against it.
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

# Boxes of every score go into pred.json (AP wants them); the number is read at places from score_thr on. After training
# TuneReaderHook chooses both anew, for what tools/test.py reads; the figures of each epoch are measured with these.
val_evaluator = [dict(type='DigitMetric'), dict(type='NumberMetric', reader=dict(score_thr=0.6, iou_thr=0.3))]
test_evaluator = val_evaluator
