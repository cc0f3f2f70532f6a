"""digits_frcnn_lite on synthetic images of every domain and labelled photos of several sets."""

_base_ = ['./digits_frcnn_lite.py']

model = dict(backbone=dict(frozen_stages=-1))  # many images train all stages
houses_root = 'data/houses'  # tools/prepare_data.py synth
synth_root = 'data/synth'  # tools/prepare_data.py synth --domains ...
domains_root = 'data/domains'  # make domains-data
labelled_sets = ['building-numbers', 'meters-roboflow-real', 'meters-roboflow-printed', 'number-boards']
weights = [0.22, 0.68, 0.05, 0.02, 0.02, 0.01]  # shares of the images: houses, domains, each labelled set
# Synthetic images vary in scale; some digits at their ends are cut, as in careless crops. Labelled photos are cropped
# around their digits, then zoomed out.
load, warp, degrade = _base_.train_pipeline[:2], _base_.train_pipeline[2], _base_.train_pipeline[3:]
drawn = [*load, dict(warp, zoom=(0.7, 1.2), cut=0.15), *degrade]
cropped = [*load, dict(type='DigitCrop'), dict(warp, zoom=(0.35, 1.2)), *degrade]
photos = _base_.train_dataloader.dataset
parts = [dict(photos, data_root=root, pipeline=drawn) for root in (houses_root, synth_root)]
for name in labelled_sets:
    of_set = dict(ann_file=f'{name}/train.json', data_prefix=dict(img=f'{name}/train/'))
    parts.append(dict(photos, data_root=domains_root, pipeline=cropped, **of_set))

train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=parts),
    sampler=dict(_delete_=True, type='MixtureSampler', weights=weights, epoch_size=9600),
)
val_dataloader = dict(dataset=dict(data_root=synth_root))
test_dataloader = dict(dataset=dict(data_root=synth_root))
train_cfg = dict(max_epochs=6)
# The exponential moving average of the weights is validated and saved.
custom_hooks = [
    *(hook for hook in _base_.custom_hooks if hook.type != 'EarlyStopHook'),
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=400, update_buffers=True),
]
default_hooks = dict(checkpoint=dict(save_best=None))
