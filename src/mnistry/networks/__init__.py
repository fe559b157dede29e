"""Keras models: built, saved, and exported to ONNX."""
