"""mnistry: train, understand and use handwritten-digit networks with Keras."""

__version__ = "0.1.0"
