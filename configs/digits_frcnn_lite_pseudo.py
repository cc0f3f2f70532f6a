"""digits_frcnn_lite_mix, fine-tuned with pseudo-labels (tools/pseudo_label.py).

The initial weights are those of a digits_frcnn_lite_mix model: --cfg-options load_from=CHECKPOINT.
"""

_base_ = ['./digits_frcnn_lite_mix.py']

pseudo_ann = 'data/pseudo/labels.json'
pseudo_photos = 'data/pseudo/photos'
labelled, synthetic = _base_.train_dataloader.dataset.datasets
# Pseudo-labelled photos are clean and the few labelled photos are memorised: both are degraded more than synthetic
# images. Photos on which an edge was read as a 1 have no pseudo-labels, so distractor bars are drawn beside numbers.
# Their digits already have the size of those of new photos.
load, warp = labelled.pipeline[:2], labelled.pipeline[2]
degrade = [dict(type='DigitDegrade', prob=0.6, blur=0.14, min_digit=8, beside=0.3), dict(type='PackDetInputs')]
labelled.pipeline = [*load, warp, *degrade]
pseudo = dict(
    labelled,
    data_root='',
    ann_file=pseudo_ann,
    data_prefix=dict(img=pseudo_photos),
    pipeline=[*load, dict(warp, zoom=(0.6, 1.6)), *degrade],
)

train_dataloader = dict(
    dataset=dict(datasets=[labelled, synthetic, pseudo]),
    sampler=dict(weights=[0.15, 0.35, 0.5]),
)
train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
