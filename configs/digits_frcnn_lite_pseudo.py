"""digits_frcnn_lite_mix, going on with photos whose numbers it was sure of (tools/pseudo_label.py).

Start it from such a model: --cfg-options load_from=CHECKPOINT.
"""

_base_ = ['./digits_frcnn_lite_mix.py']

pseudo_ann = 'data/pseudo/labels.json'
pseudo_photos = 'data/pseudo/photos'
labelled, generated = _base_.train_dataloader.dataset.datasets
# What the model is sure of are mostly large digits: zoom out as for the labelled ones.
pseudo = dict(labelled, data_root='', ann_file=pseudo_ann, data_prefix=dict(img=pseudo_photos))

train_dataloader = dict(
    dataset=dict(datasets=[labelled, generated, pseudo]),
    sampler=dict(weights=[0.2, 0.4, 0.4]),
)
train_cfg = dict(max_epochs=7)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
