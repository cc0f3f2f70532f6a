"""Inference on photos without a dependency on the detector's library."""

__all__: list[str] = ['answers', 'command', 'multiview', 'reader', 'records', 'views', 'watch']
