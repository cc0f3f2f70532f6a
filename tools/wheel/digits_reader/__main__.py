"""`python -m digits_reader`: the command digits-reader."""

from .onnx_reader.command import main

main()
