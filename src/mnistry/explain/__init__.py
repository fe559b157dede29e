"""One image's path through a trained network, and one step of learning on it, in numbers.

`dense`
    A dense network as plain arrays.
`forward`
    One image's path through any network.
`gradients`
    The loss of a dense network, and its gradients.
`learning`
    One step of learning, by the optimizer that trained the run.
`narrative`, `colours`, `page`
    The explanation in sentences, tables and pictures, and as one HTML page.

The names exported here need neither Keras nor the onnx package.
"""

from mnistry.explain.forward import Explainer, Explanation, LayerView, read_digit

__all__ = ["Explainer", "Explanation", "LayerView", "read_digit"]
