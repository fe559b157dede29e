"""ONNX files, checked and run, without Keras."""
