import keras
import numpy as np
import pytest

import mnistry
from mnistry.errors import UsageError
from mnistry.inference import model_bytes
from mnistry.networks import names, zoo


def test_the_names_are_those_of_the_networks_that_can_be_built() -> None:
    assert set(names.NAMES) == set(zoo.NETWORKS)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("dense", 407_050),  # 784*512 + 512 + 512*10 + 10
        ("linear", 7_850),  # 784*10 + 10
        ("convnet", 34_826),  # as Keras prints for its example
        # As Keras counts them, with four numbers for each filter of a normalisation.
        ("strided", 29_658),
        ("strided-large", 246_954),
    ],
)
def test_each_network_has_the_known_number_of_parameters(name: str, parameters: int) -> None:
    model = mnistry.build(name)
    assert model.count_params() == parameters
    assert model.input_shape == (None, 28, 28)
    assert model.inputs[0].dtype == "uint8"
    assert model.output_shape == (None, 10)
    assert not model.compiled


def test_activation_and_dropout_reach_the_layers_that_have_them() -> None:
    dense = mnistry.build("dense", activation="tanh", dropout=0.25, depth=2)
    found = [type(layer).__name__ for layer in dense.layers]
    assert found == ["InputLayer", "Rescaling", "Flatten", *["Dense", "Dropout"] * 2, "Dense"]
    assert dense.layers[3].activation is keras.activations.tanh
    assert [layer.rate for layer in dense.layers[4:7:2]] == [0.25, 0.25]
    convnet = mnistry.build("convnet", dropout=0.1, activation="sigmoid")
    assert [la.rate for la in convnet.layers if isinstance(la, keras.layers.Dropout)] == [0.1]
    assert convnet.get_layer("convolution_2").activation is keras.activations.sigmoid
    strided = mnistry.build("strided", activation="tanh")
    assert strided.get_layer("tanh_1").activation is keras.activations.tanh
    for name, settings in (
        ("linear", {"activation": "tanh"}), ("linear", {"dropout": 0.5}),
        ("strided", {"dropout": 0.5}), ("convnet", {"units": 3}), ("dense", {"dropout": 1.0}),
        ("dense", {"activation": "step"}), ("dense", {"units": "32"}), ("dense", {"depth": 1.5}),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="expected"):
            mnistry.build(name, **settings)


def test_units_and_depth_shape_the_dense_network() -> None:
    # 784*32 + 32, 32*32 + 32, 32*10 + 10
    assert mnistry.build("dense", units=32, depth=2).count_params() == 25_120 + 1_056 + 330


@pytest.mark.parametrize(("units", "depth"), [(65_536, 2), (8_192, 2), (85_000, 1), (1, 10**12)])
def test_fault_116_a_network_too_large_to_be_saved_is_not_built(units: int, depth: int) -> None:
    with pytest.raises(UsageError, match=r"too large to be saved.*fewer units"):
        zoo.check("dense", units, depth)


def test_fault_116_the_limit_is_what_the_files_may_hold() -> None:
    zoo.check("dense", 84_000, 1)  # 795 weights and biases a unit
    assert 4 * model_bytes.MAX_PARAMETERS < model_bytes.MAX_ONNX_BYTES < 4 * 795 * 85_000


def test_pixels_are_scaled_inside_the_network() -> None:
    model = mnistry.build("linear")
    images = np.full((1, 28, 28), 255, np.uint8)
    kernel, bias = model.get_weights()
    logits = np.ones(784) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(model.predict(images, verbose=0)[0], expected, rtol=1e-5)


def test_the_seed_alone_decides_the_weights() -> None:
    first = mnistry.build("convnet", seed=7).get_weights()
    keras.utils.set_random_seed(1)
    again, other = mnistry.build("convnet", seed=7), mnistry.build("convnet", seed=8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again.get_weights(), strict=True))
    assert not np.array_equal(first[0], other.get_weights()[0])
    wide = mnistry.build("dense", units=784, depth=2).get_weights()
    assert not np.array_equal(wide[0], wide[2])  # each layer has a seed of its own


def test_the_first_weights_lie_within_glorots_bound() -> None:
    kernel = mnistry.build("dense").get_weights()[0]
    bound = np.float32(np.sqrt(6 / (784 + 512)))
    assert np.abs(kernel).max() <= bound
    assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.01)


def test_every_layer_is_stock_keras() -> None:
    for name in zoo.NETWORKS:
        for layer in mnistry.build(name).layers:
            assert type(layer).__module__.startswith("keras.")


@pytest.mark.parametrize(
    "arguments",
    [{"name": "resnet"}, {"units": 0}, {"depth": 0}, {"name": "linear", "units": 3}],
)
def test_an_impossible_network_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        mnistry.build(**arguments)
