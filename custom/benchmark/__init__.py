"""Benchmarks against baselines."""

__all__: list[str] = [
    'boxes',
    'compare',
    'contestant',
    'first_batch_hook',
    'machine',
    'models',
    'photos',
    'process',
    'profile',
    'results',
    'task_dump',
    'task_eval',
    'task_infer',
    'task_startup',
    'task_train',
]
