"""Inference on photos without a dependency on the detector's library."""

__all__: list[str] = ['answers', 'command', 'labels', 'multiview', 'options', 'reader', 'records', 'views', 'watch']
