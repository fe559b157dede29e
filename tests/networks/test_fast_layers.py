import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras import layers

from mnistry.networks.fast_layers import accelerated


@pytest.fixture(autouse=True)
def seeded() -> None:
    keras.utils.set_random_seed(0)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def one_layer(layer: keras.Layer, shape: tuple[int, ...]) -> keras.Model:
    return keras.Sequential([keras.Input(shape), layer])


def outcome(model: keras.Model, images: np.ndarray, *, training: bool = False) -> tuple:
    """Return a weighted sum's gradients by weights and images, the answer and the new state."""
    weights = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]

    def weighted(weights, images):
        answer, after = model.stateless_call(weights, state, images, training=training)
        return (answer * noise(*answer.shape, seed=1)).sum(), (answer, after)

    return jax.jit(jax.grad(weighted, argnums=(0, 1), has_aux=True))(weights, images)


def assert_the_same(model: keras.Model, images: np.ndarray, **options) -> None:
    expected = outcome(model, images, **options)
    with accelerated(model):
        quick = outcome(model, images, **options)
    for ours, keras_s in zip(jax.tree.leaves(quick), jax.tree.leaves(expected), strict=True):
        # Sums are added in another order, so rounding is compared with the largest value.
        scale = np.abs(np.asarray(keras_s, np.float32)).max(initial=1)
        np.testing.assert_allclose(ours, keras_s, rtol=1e-5, atol=1e-5 * scale)


def operations(model: keras.Model, images: np.ndarray) -> str:
    return str(jax.make_jaxpr(lambda x: outcome(model, x))(images))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("size", "strides", "shape"),
    [
        (3, 1, (28, 28, 1)),
        (5, 2, (28, 28, 1)),
        (2, 2, (7, 9, 3)),
        (1, 1, (4, 4, 5)),
        (2, 3, (8, 7, 2)),
        ((3, 2), (1, 2), (6, 9, 3)),
    ],
)
def test_convolution_matches_keras(padding, size, strides, shape) -> None:
    layer = layers.Conv2D(6, size, strides, padding, activation="relu", bias_initializer="normal")
    assert_the_same(one_layer(layer, shape), noise(3, *shape))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "dilation"), [(3, 2), ((1, 3), (1, 4)), ((2, 1), (3, 1))])
def test_dilated_convolution_matches_keras(padding, size, dilation) -> None:
    layer = layers.Conv2D(6, size, 1, padding, dilation_rate=dilation)
    assert_the_same(one_layer(layer, (9, 12, 3)), noise(3, 9, 12, 3))


@pytest.mark.parametrize("settings", [(1,), (1, 2), (1, 1, "valid", 2), (3,)])
def test_depthwise_convolution_matches_keras(settings) -> None:
    layer = layers.DepthwiseConv2D(*settings, activation="tanh", bias_initializer="normal")
    model, images = one_layer(layer, (6, 7, 3)), noise(3, 6, 7, 3)
    assert_the_same(model, images)
    with accelerated(model):
        # Only a kernel of 1 x 1, with a stride of 1 and one filter a channel, needs no convolution.
        assert ("conv_general_dilated" in operations(model, images)) == (settings != (1,))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("size", "strides", "shape"),
    [(2, 2, (7, 8, 3)), (2, 2, (8, 9, 2)), (3, 2, (8, 7, 2)), (3, 1, (5, 5, 2)), (2, 3, (8, 9, 2))],
)
def test_pooling_matches_keras_with_ties_too(padding, size, strides, shape) -> None:
    # About half of the windows hold their largest value more than once, some of them below zero.
    images = np.maximum(np.round(noise(3, *shape)), 0) - 1
    assert_the_same(one_layer(layers.MaxPooling2D(size, strides, padding), shape), images)


def test_the_gradient_of_a_tie_goes_to_the_first_in_reading_order() -> None:
    model = one_layer(layers.MaxPooling2D(2), (2, 4, 1))
    images = np.array([[5, 5, 1, 2], [5, 5, 2, 2]], np.float32).reshape(1, 2, 4, 1)
    with accelerated(model):
        gradient = jax.grad(lambda x: model(x).sum())(jnp.asarray(images))
    assert np.asarray(gradient).squeeze().tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]


def branching() -> keras.Model:
    """Every way that a layer may stand in a graph: shared, nested, in branches; with state."""
    image = keras.Input((12, 12, 1))
    values = layers.Conv2D(4, 3, padding="same", use_bias=False)(image)
    values = layers.Activation("relu")(layers.BatchNormalization()(values))
    shared = layers.Conv2D(4, 3, padding="same")
    nested = keras.Sequential([keras.Input((12, 12, 4)), layers.Conv2D(4, 1), layers.ReLU()])
    values = layers.Add()([values, shared(shared(values)), nested(values)])
    values = layers.Dropout(0.5, seed=3)(layers.MaxPooling2D(2)(values))
    pooled = layers.GlobalAveragePooling2D()(values)
    return keras.Model(image, layers.Dense(3)(pooled))


@pytest.mark.parametrize("count", [5, 2])
@pytest.mark.slow
def test_a_whole_network_in_training_matches_keras_whatever_the_batch(count) -> None:
    model = branching()
    assert_the_same(model, noise(count, 12, 12, 1), training=True)


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = layers.Conv2D(4, 3)

    def call(self, images, training=False):
        return self.convolution(images)


@pytest.mark.parametrize("build", [branching, Subclassed])
def test_none_of_the_slow_operations_is_left(build) -> None:
    images = noise(2, 12, 12, 1)
    model = build()
    model(images)
    slow = ("conv_general_dilated", "reduce_window", "select_and_scatter", "select_and_gather")
    assert "conv_general_dilated" in operations(model, images)
    with accelerated(model):
        found = operations(model, images)
    assert not [name for name in slow if name in found]


def test_bfloat16_stays_bfloat16() -> None:
    model = one_layer(layers.Conv2D(4, 3, dtype="mixed_bfloat16"), (8, 8, 2))
    images = noise(2, 8, 8, 2)
    stock = model(images)
    with accelerated(model):
        quick = model(images)
    assert quick.dtype == stock.dtype == jnp.bfloat16
    np.testing.assert_allclose(quick.astype("float32"), stock.astype("float32"), atol=0.02)


def classes(model: keras.Model) -> list[str]:
    return [type(layer).__module__.partition(".")[0] for layer in model.layers]


def test_layers_are_stock_again_afterwards_even_after_an_error() -> None:
    model = branching()
    kinds = [type(layer) for layer in model.layers]
    variables = [id(v) for v in model.variables]
    with pytest.raises(RuntimeError), accelerated(model), accelerated(model):
        assert "mnistry" in classes(model)
        raise RuntimeError
    assert [type(layer) for layer in model.layers] == kinds
    assert [id(v) for v in model.variables] == variables


def test_what_is_saved_after_quick_training_holds_stock_layers_only(tmp_path) -> None:
    model = branching()
    images = noise(4, 12, 12, 1)
    model.compile("sgd", "mse")
    with accelerated(model):
        model.fit(images, noise(4, 3), verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert "mnistry" not in str(again.get_config())
    np.testing.assert_allclose(
        again.predict(images, verbose=0), model(images), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, groups=2),
        layers.DepthwiseConv2D(3),
        layers.Conv2D(4, 3, data_format="channels_first"),
        layers.MaxPooling2D(2, data_format="channels_first"),
    ],
    ids=["groups", "depthwise", "channels first", "pooling channels first"],
)
def test_what_cannot_be_quick_is_left_alone(layer) -> None:
    model = one_layer(layer, (8, 8, 4))
    with accelerated(model):
        assert classes(model) == ["keras"]


@pytest.mark.parametrize(("where", "name"), [(keras.backend, "backend"), (jax, "default_backend")])
def test_another_backend_or_an_accelerator_keeps_its_own_convolutions(
    where, name, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = one_layer(layers.Conv2D(4, 3), (8, 8, 1))
    monkeypatch.setattr(where, name, lambda: "torch" if where is keras.backend else "gpu")
    with accelerated(model):
        assert classes(model) == ["keras"]
