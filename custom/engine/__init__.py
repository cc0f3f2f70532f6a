"""Runner, processes, metrics and builders."""

__all__: list[str] = [
    'batch_queue',
    'builders',
    'hooks',
    'lazy_imports',
    'metrics',
    'parallel',
    'ranks',
    'runner',
    'visualizer',
    'worker_faults',
]
