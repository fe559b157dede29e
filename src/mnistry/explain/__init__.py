"""One image's way through a trained network, and one step of learning on it, in numbers.

`inside`
    An ONNX model's operators and weights, and every value on the way to its answer.
`dense`
    A dense network as plain arrays.
`forward`
    One image's way through any network.
`gradients`
    The loss of a dense network, and its slope along every weight.
`learning`
    One step of learning, by the optimizer that trained the run.
`story`, `colours`, `page`
    All of it told in sentences, tables and pictures, and as one HTML page.

What is named here needs neither Keras nor the onnx package.
"""

from mnistry.explain.forward import Explainer, Explanation, LayerView, read_digit

__all__ = ["Explainer", "Explanation", "LayerView", "read_digit"]
