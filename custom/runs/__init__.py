"""Configs, overrides and files of a training run."""

__all__: list[str] = [
    'checkpoint_files',
    'config',
    'curves',
    'custom_imports',
    'dumped_config',
    'environment',
    'facts',
    'named_files',
    'overrides',
    'predictions',
    'ranges',
    'work_dir',
]
