"""Hooks of the training loop."""

__all__: list[str] = ['checkpoint', 'console', 'early_stop', 'panel', 'submission', 'tune_reader']
