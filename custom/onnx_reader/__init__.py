"""Reading with ONNX Runtime: the model as a `Detector`, `DigitReader`, and the command digits-reader."""

__all__: list[str] = ['command', 'detector', 'digit_reader', 'model_file']
