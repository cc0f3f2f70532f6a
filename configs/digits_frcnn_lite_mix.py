"""digits_frcnn_lite on few labelled photos (data_root) among many generated ones (synth_root)."""

_base_ = ['./digits_frcnn_lite.py']

data_root = 'data/real'
synth_root = 'data/synth'
# Labelled digits fill 0.66 of a photo's height, those of photos to come 0.45: zoom out. Generated ones vary already.
load, warp, spoil = _base_.train_pipeline[:2], _base_.train_pipeline[2], _base_.train_pipeline[3:]
labelled = dict(
    _base_.train_dataloader.dataset, data_root=data_root, pipeline=[*load, dict(warp, zoom=(0.4, 1.2)), *spoil]
)
generated = dict(
    _base_.train_dataloader.dataset, data_root=synth_root, pipeline=[*load, dict(warp, zoom=(0.7, 1.2)), *spoil]
)

train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[labelled, generated]),
    sampler=dict(_delete_=True, type='MixtureSampler', weights=[0.1, 0.9], epoch_size=9600),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
train_cfg = dict(max_epochs=9)
# The mean of the weights over the last few hundred steps is what is validated and kept.
custom_hooks = [
    *(hook for hook in _base_.custom_hooks if hook.type != 'EarlyStopHook'),
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=400, update_buffers=True),
]
# A few dozen validation photos are too few to choose an epoch by: the last one counts.
default_hooks = dict(checkpoint=dict(save_best=None))
