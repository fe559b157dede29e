import functools

import keras
import numpy as np
import onnx
import pytest
from keras import layers

from mnistry.errors import ModelError
from mnistry.inference import onnx_session
from mnistry.networks import keras_files, onnx_graph, zoo

# Making random weights takes Keras a long time, and compare() sets its own.
Conv2D = functools.partial(layers.Conv2D, kernel_initializer="zeros")
Dense = functools.partial(layers.Dense, kernel_initializer="zeros")


def make_images() -> np.ndarray:
    """Return noisy images of bright rectangles in different places, so that answers vary."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 64, (8, 28, 28), np.uint8)
    for image, (top, left) in zip(images, generator.integers(0, 14, (8, 2)), strict=True):
        image[top : top + 14, left : left + 10] += 191
    return images


IMAGES = make_images()


def classifier(*hidden: keras.Layer, flatten: bool = True) -> keras.Model:
    image = keras.Input((28, 28), dtype="uint8", name="image")
    values = layers.Rescaling(1 / 255)(image)
    last = [layers.Flatten()] if flatten else []
    for layer in (*hidden, *last, Dense(10, "softmax")):
        values = layer(values)
    return keras.Model(image, values)


def branches(*ways: list[keras.Layer]) -> keras.Model:
    """Return a network that adds up the results of several chains of layers."""
    image = keras.Input((28, 28), dtype="uint8")
    scaled = layers.Rescaling(1 / 255)(image)
    ends = []
    for way in ways:
        values = scaled
        for layer in (*way, layers.Flatten(), Dense(10)):
            values = layer(values)
        ends.append(values)
    return keras.Model(image, layers.Softmax()(layers.Add()(ends)))


def compare(model: keras.Model) -> onnx.ModelProto:
    """Give every weight a value that matters, and compare ONNX Runtime with Keras."""
    generator = np.random.default_rng(1)
    for variable in model.weights:
        if len(variable.shape) > 1:
            scale = np.prod(variable.shape[:-1]) ** -0.5
            variable.assign(generator.normal(0, scale, variable.shape))
        elif "seed" not in variable.path:
            variable.assign(generator.uniform(0.2, 1, variable.shape))
    proto = onnx_graph.to_onnx(model)
    onnx.checker.check_model(proto, full_check=True)
    session = onnx_session.open_session(proto.SerializeToString(), threads=1)
    given = onnx_session.probabilities(session, IMAGES)
    expected = keras_files.predict(model, IMAGES)
    assert np.ptp(expected, axis=0).max() > 5e-4  # the images make a difference
    np.testing.assert_allclose(given, expected, atol=2e-6)
    return proto


def operators(proto: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in proto.graph.node]


@pytest.mark.parametrize("name", sorted(zoo.NETWORKS))
def test_each_network_of_ours_computes_the_same(name):
    compare(zoo.build(name))


def test_the_file_has_the_promised_form():
    proto = onnx_graph.to_onnx(zoo.build("linear"))
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", 17)]
    assert proto.ir_version == 8
    assert proto.producer_name == "mnistry"
    assert {weight.data_type for weight in proto.graph.initializer} == {onnx.TensorProto.FLOAT}
    assert not any(weight.external_data for weight in proto.graph.initializer)
    # The scaling costs nothing: it is in the weights.
    assert operators(proto) == ["Cast", "Flatten", "Gemm", "Softmax"]


def to_size(size: int) -> list[keras.Layer]:
    """Return layers whose output has the shape ``(size, size, 3)``; `size` may be odd."""
    return [layers.Reshape((28, 28, 1)), Conv2D(3, 29 - size)]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_convolution_with_odd_sizes_kernels_and_strides(padding):
    cases = [(28, 3, 1), (28, 5, 2), (27, 3, 2), (27, 2, 2), (25, 4, 3), (28, (2, 5), (3, 1)),
             (27, 1, 3)]  # fmt: skip
    compare(
        branches(
            *([*to_size(size), Conv2D(4, kernel, stride, padding)]
              for size, kernel, stride in cases),
            [*to_size(27), Conv2D(4, 3, dilation_rate=(2, 3), padding=padding)],
            [*to_size(26), Conv2D(6, 3, padding=padding, groups=3, use_bias=False)],
        )
    )  # fmt: skip


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_depthwise_convolution_keeps_the_channels_apart(padding):
    compare(
        branches(
            [*to_size(9), layers.DepthwiseConv2D(1)],
            [*to_size(9), layers.DepthwiseConv2D(3, 2, padding, 2, activation="tanh")],
            [*to_size(9), layers.DepthwiseConv2D((2, 3), padding=padding, use_bias=False)],
        )
    )


def test_zero_padding_on_each_side_and_before_a_rescaling():
    compare(
        branches(
            [layers.Reshape((28, 28, 1)), layers.ZeroPadding2D(((1, 2), (3, 0)))],
            [*to_size(9), layers.ZeroPadding2D(2), layers.Rescaling(1.275, -0.1), Conv2D(4, 3)],
        )
    )


@pytest.mark.parametrize("kind", [layers.MaxPooling2D, layers.AveragePooling2D])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_pooling_with_odd_sizes_windows_and_strides(kind, padding):
    cases = [(28, 2, None), (27, 2, None), (27, 3, 2), (26, 3, 1), (25, (2, 3), (3, 2)), (28, 2, 5)]
    compare(
        branches(*([*to_size(size), kind(pool, stride, padding)] for size, pool, stride in cases))
    )


def test_pooling_of_the_scaled_image_itself():
    """Rescaling's factor waits for the next weights: it must be applied before or after pooling."""
    proto = compare(classifier(layers.Reshape((28, 28, 1)), layers.MaxPooling2D(2)))
    assert "Mul" in operators(proto)


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_average_pooling(keepdims):
    pooling = layers.GlobalAveragePooling2D(keepdims=keepdims)
    compare(classifier(*to_size(9), pooling, flatten=keepdims))


def test_batch_normalization_of_channels_and_of_flat_values():
    compare(
        branches(
            [*to_size(9), layers.BatchNormalization(), layers.ReLU()],
            [*to_size(9), layers.BatchNormalization(scale=False)],
            [*to_size(9), layers.BatchNormalization(center=False, epsilon=0.1)],
            [layers.Flatten(), layers.BatchNormalization()],
        )
    )


@pytest.mark.parametrize(
    "name",
    ["linear", "relu", "sigmoid", "tanh", "elu", "selu", "softplus", "softsign", "softmax",
     "log_softmax"],
)  # fmt: skip
def test_activation_inside_and_as_a_layer_for_flat_values_and_images(name):
    compare(
        branches(
            [*to_size(9), layers.Activation(name)],
            [layers.Reshape((28, 28, 1)), Conv2D(4, 9, activation=name)],
            [layers.Flatten(), Dense(12, name)],
            [layers.Flatten(), Dense(12), layers.Activation(name)],
        )
    )


def test_a_pending_factor_is_never_lost():
    """Rescaling's factor waits for the next weights; layers before them pass it on or apply it."""
    compare(
        branches(
            [layers.Rescaling(2.0, offset=-1.0), layers.Rescaling(0.5)],
            [layers.Rescaling(2.0), *to_size(9)],
            [layers.Reshape((28, 28, 1)), layers.BatchNormalization()],
            [layers.Reshape((28, 28, 1)), layers.AveragePooling2D(2)],
            [layers.Reshape((28, 28, 1)), layers.GlobalAveragePooling2D()],
            [layers.Activation("tanh")],
            [layers.Softmax()],
            [layers.ReLU()],
        )
    )


def test_reshapes_keep_the_order_of_keras():
    compare(
        branches(
            [layers.Reshape((14, 14, 4)), Conv2D(4, 3)],
            [*to_size(10), layers.Reshape((6, 10, 5)), Conv2D(4, 3)],
            [layers.Reshape((1, 1, -1)), Conv2D(4, 1)],
            [*to_size(10), layers.Reshape((30, 10))],
        )
    )


def test_dropout_and_dense_without_bias():
    proto = compare(classifier(layers.Flatten(), Dense(9, use_bias=False), layers.Dropout(0.5)))
    assert operators(proto) == ["Cast", "Flatten", "Gemm", "Gemm", "Softmax"]


def test_a_residual_network():
    image = keras.Input((28, 28), dtype="uint8")
    stem = layers.Reshape((28, 28, 1))(layers.Rescaling(1 / 255)(image))
    stem = Conv2D(4, 5, 2, "same", activation="relu")(stem)
    branch = Conv2D(4, 3, padding="same", use_bias=False)(stem)
    branch = layers.Activation("relu")(layers.BatchNormalization()(branch))
    other = Conv2D(4, 1)(stem)
    values = layers.ReLU()(layers.Add()([stem, branch, other]))
    values = layers.GlobalAveragePooling2D()(values)
    compare(keras.Model(image, layers.Softmax()(Dense(10)(values))))


def test_a_sequential_model_built_step_by_step():
    model = keras.Sequential()
    model.add(keras.Input((28, 28), dtype="uint8"))
    for layer in (layers.Rescaling(1 / 255), layers.Flatten(), Dense(10, "softmax")):
        model.add(layer)
    compare(model)


def test_a_layer_named_like_an_input_or_output_does_no_harm():
    image = keras.Input((28, 28), dtype="uint8", name="probabilities")
    values = layers.Flatten(name="image")(layers.Rescaling(1 / 255, name="x")(image))
    compare(keras.Model(image, Dense(10, "softmax", name="y")(values)))


# What cannot be exported


def refused(model: keras.Model, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        onnx_graph.to_onnx(model)


def test_an_unknown_layer_is_named_with_those_that_are_known():
    model = classifier(layers.Reshape((28, 28, 1)), layers.Conv2DTranspose(1, 3, name="odd"))
    refused(model, r"layer odd \(Conv2DTranspose\) .*expected one of Activation, .*Softmax")


def test_a_class_of_our_own_with_a_stock_name_is_refused():
    class Dense(layers.Dense):
        def call(self, inputs):
            return super().call(inputs) * 2

    refused(classifier(layers.Flatten(), Dense(10, name="odd")), r"layer odd \(Dense\)")


def test_a_custom_layer_is_refused_with_or_without_a_description():
    class Own(layers.Layer):
        def __init__(self, anything):
            super().__init__()

        def call(self, inputs):
            return inputs

    refused(classifier(Own(object())), "cannot be described")
    refused(classifier(Own(3)), r"\(Own\) cannot be written")


def test_an_operation_without_a_layer_is_refused():
    image = keras.Input((28, 28), dtype="uint8")
    values = layers.Flatten()(keras.ops.add(layers.Rescaling(1 / 255)(image), 1.0))
    refused(keras.Model(image, Dense(10)(values)), r"\(Add\) cannot be written")


def test_a_layer_called_twice_is_refused():
    image = keras.Input((28, 28), dtype="uint8")
    shared = Dense(784, name="shared")
    values = shared(shared(layers.Flatten()(layers.Rescaling(1 / 255)(image))))
    refused(keras.Model(image, Dense(10)(values)), "layer shared is called more than once")


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        ([Dense(4)], "put Flatten before it"),
        ([layers.Flatten(), Dense(4, "gelu")], "its activation is not one of linear"),
        ([layers.Activation(keras.ops.relu)], "its activation is not one of linear"),
        ([layers.ReLU(max_value=6)], "max_value"),
        ([layers.Softmax(axis=1)], "axis is 1"),
        ([layers.BatchNormalization()], "does not normalise channels"),
        ([layers.Reshape((28, 28, 1)), layers.BatchNormalization(axis=1)], "does not normalise"),
        ([layers.Rescaling([1.0] * 28)], "not a single number"),
        (
            [layers.Reshape((1, 28, 28)), Conv2D(2, 3, data_format="channels_first")],
            "data_format is channels_first",
        ),
    ],
)
def test_what_a_known_layer_cannot_do_is_named(hidden, said):
    refused(classifier(*hidden), said)


def test_fault_70_another_input_is_refused():
    image = keras.Input((28, 28), name="image")
    model = keras.Model(image, Dense(10)(layers.Flatten()(image)))
    refused(model, "its input is float32")
