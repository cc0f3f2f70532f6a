"""Photos with their detections drawn in."""

__all__: list[str] = ['pictures']
