"""digits_frcnn_lite_domains, fine-tuned on one more labelled set (data_root) and on pseudo-labels.

tools/pseudo_label.py writes the pseudo-labels. The initial weights are those of a digits_frcnn_lite_domains model:
--cfg-options load_from=CHECKPOINT.
"""

_base_ = ['./digits_frcnn_lite_domains.py']

data_root = 'data/real'
pseudo_ann = 'data/pseudo/labels.json'
pseudo_photos = 'data/pseudo/photos'
photos = _base_.train_dataloader.dataset.datasets[0]
load, warp = photos.pipeline[:2], photos.pipeline[2]
# Pseudo-labelled photos are clean and the few labelled photos are memorised: both are degraded more than synthetic
# images. Photos on which an edge was read as a 1 have no pseudo-labels, so distractor bars are drawn beside numbers.
degrade = [dict(type='DigitDegrade', prob=0.6, blur=0.14, min_digit=8, beside=0.3), dict(type='PackDetInputs')]
# Digits fill 0.66 of the height of labelled photos and 0.45 of new photos, so labelled photos are zoomed out more.
labelled = dict(photos, data_root=data_root, pipeline=[*load, dict(warp, zoom=(0.4, 1.2)), *degrade])
pseudo = dict(
    photos,
    data_root='',
    ann_file=pseudo_ann,
    data_prefix=dict(img=pseudo_photos),
    pipeline=[*load, dict(warp, zoom=(0.5, 1.6)), *degrade],
)

train_dataloader = dict(
    dataset=dict(datasets=[*_base_.train_dataloader.dataset.datasets, labelled, pseudo]),
    # Shares of the images: houses, domains, the labelled sets of domains, labelled, pseudo-labelled.
    sampler=dict(weights=[0.12, 0.42, 0.05, 0.02, 0.02, 0.01, 0.08, 0.28]),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
train_cfg = dict(max_epochs=3)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
