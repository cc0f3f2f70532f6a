"""Photo reading above the `Detector` protocol."""

__all__: list[str] = ['answers', 'multiview', 'reader']
