"""digits_frcnn_lite_mix, going on with photos whose numbers it was sure of (tools/pseudo_label.py).

Start it from such a model: --cfg-options load_from=CHECKPOINT.
"""

_base_ = ['./digits_frcnn_lite_mix.py']

pseudo_ann = 'data/pseudo/labels.json'
pseudo_photos = 'data/pseudo/photos'
labelled, generated = _base_.train_dataloader.dataset.datasets
# What a model is sure of is clean, and the few labelled photos it knows by heart by now: both are spoilt more than the
# generated ones. Bars are put beside their numbers, as photos where an edge was read as a 1 are not among those that a
# model was sure of. The digits of these are of the right size already.
load, warp = labelled.pipeline[:2], labelled.pipeline[2]
spoil = [dict(type='DigitDegrade', prob=0.6, blur=0.14, min_digit=8, beside=0.3), dict(type='PackDetInputs')]
labelled.pipeline = [*load, warp, *spoil]
pseudo = dict(
    labelled,
    data_root='',
    ann_file=pseudo_ann,
    data_prefix=dict(img=pseudo_photos),
    pipeline=[*load, dict(warp, zoom=(0.6, 1.6)), *spoil],
)

train_dataloader = dict(
    dataset=dict(datasets=[labelled, generated, pseudo]),
    sampler=dict(weights=[0.15, 0.35, 0.5]),
)
train_cfg = dict(max_epochs=4)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
