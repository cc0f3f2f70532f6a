"""digits_frcnn_lite on a mixture of few labelled photos (data_root) and many synthetic images (synth_root)."""

_base_ = ['./digits_frcnn_lite.py']

model = dict(backbone=dict(frozen_stages=-1))  # many images train all stages
data_root = 'data/real'
synth_root = 'data/synth'
# Digits fill 0.66 of the height of labelled photos and 0.45 of new photos, so labelled photos are zoomed out. Synthetic
# images vary in scale.
load, warp, degrade = _base_.train_pipeline[:2], _base_.train_pipeline[2], _base_.train_pipeline[3:]
labelled = dict(
    _base_.train_dataloader.dataset, data_root=data_root, pipeline=[*load, dict(warp, zoom=(0.4, 1.2)), *degrade]
)
synthetic = dict(
    _base_.train_dataloader.dataset, data_root=synth_root, pipeline=[*load, dict(warp, zoom=(0.7, 1.2)), *degrade]
)

train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[labelled, synthetic]),
    sampler=dict(_delete_=True, type='MixtureSampler', weights=[0.1, 0.9], epoch_size=9600),
)
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = dict(dataset=dict(data_root=data_root))
train_cfg = dict(max_epochs=9)
# The exponential moving average of the weights is validated and saved.
custom_hooks = [
    *(hook for hook in _base_.custom_hooks if hook.type != 'EarlyStopHook'),
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=400, update_buffers=True),
]
# The last epoch is kept: a few dozen validation photos are too few to select one.
default_hooks = dict(checkpoint=dict(save_best=None))
