"""digits_frcnn_lite on synthetic images of every domain and labelled photos of several sets."""

_base_ = ['./digits_frcnn_lite.py']

synth_root = 'data/synth'  # tools/prepare_data.py synth --domains ...
labelled_roots = dict(  # share of the images drawn
    buildings=('data/domains/building-numbers', 0.05),
    meters=('data/domains/meters-roboflow-real', 0.01),
    printed=('data/domains/meters-roboflow-printed', 0.02),
    boards=('data/domains/number-boards', 0.01),
)
# Synthetic images vary in scale. Digits fill most of a labelled photo's height, so labelled photos are zoomed out.
load, warp, degrade = _base_.train_pipeline[:2], _base_.train_pipeline[2], _base_.train_pipeline[3:]
synthetic = dict(
    _base_.train_dataloader.dataset, data_root=synth_root, pipeline=[*load, dict(warp, zoom=(0.7, 1.2)), *degrade]
)
labelled = [
    dict(_base_.train_dataloader.dataset, data_root=root, pipeline=[*load, dict(warp, zoom=(0.3, 1.2)), *degrade])
    for root, _ in labelled_roots.values()
]
shares = [share for _, share in labelled_roots.values()]

train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[synthetic, *labelled]),
    sampler=dict(_delete_=True, type='MixtureSampler', weights=[1 - sum(shares), *shares], epoch_size=9600),
)
val_dataloader = dict(dataset=dict(data_root=synth_root))
test_dataloader = dict(dataset=dict(data_root=synth_root))
train_cfg = dict(max_epochs=12)
# The exponential moving average of the weights is validated and saved.
custom_hooks = [
    *(hook for hook in _base_.custom_hooks if hook.type != 'EarlyStopHook'),
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.001, gamma=400, update_buffers=True),
]
default_hooks = dict(checkpoint=dict(save_best=None))
