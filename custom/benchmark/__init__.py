"""Benchmarks of speed and memory against baselines."""

__all__: list[str] = [
    'boxes',
    'candidate',
    'compare',
    'first_batch_hook',
    'load',
    'machine',
    'models',
    'profile',
    'readers',
    'task_dump',
    'task_eval',
    'task_first',
    'task_infer',
    'task_read',
    'task_single',
    'task_startup',
    'task_train',
]
