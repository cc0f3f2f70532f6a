"""Data sets, transforms and samplers for MMDetection."""

__all__: list[str] = ['degrade', 'digit_dataset', 'loading', 'samplers', 'seeded', 'warp']
