# Settings of every run. `custom.register` also provides mmcv's operators by torchvision's.
import sys

sys.path.append("""{{ fileDirname }}/../..""")  # MMDetection's own API finds it from any folder
custom_imports = dict(imports=['custom.register'], allow_failed_imports=False)
default_scope = 'mmdet'
runner_type = 'DigitRunner'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='DigitCheckpointHook', interval=1, max_keep_ckpts=2, save_best='number/accuracy', rule='greater'
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)
custom_hooks = [
    dict(type='ConsoleHook'),
    dict(type='TuneReaderHook'),
    dict(type='PanelHook'),
    # min_delta=0: an epoch equal to the best one resets the patience. The default, 0.1, would stop good runs.
    dict(type='EarlyStopHook', monitor='number/accuracy', rule='greater', min_delta=0, patience=5),
]

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # timeout: seconds until a process that does not answer is an error; gloo replaces nccl on CPUs.
    dist_cfg=dict(backend='nccl', timeout=600),
)
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='DigitVisualizer', vis_backends=vis_backends, name='visualizer')
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
randomness = dict(seed=0)
load_from = None
resume = False
