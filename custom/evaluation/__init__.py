"""Average precision, number accuracy and their intervals."""

__all__: list[str] = ['average_precision', 'bootstrap', 'confusion', 'number_accuracy', 'paired', 'summary']
