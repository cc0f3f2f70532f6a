"""Digits, boxes, detections, annotations and photos as arrays."""

__all__: list[str] = ['annotations', 'detections', 'digits', 'geometry', 'photos', 'resize']
