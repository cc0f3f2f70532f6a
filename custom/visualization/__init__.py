"""Pictures of photos with their detections."""

__all__: list[str] = ['packing', 'pictures']
