"""Each row's defining step, on few images; `benchmarks/literature.json` has the errors."""

import dataclasses
import importlib
from types import ModuleType

import keras
import numpy as np
import pytest

import mnistry
from mnistry.datasets.dataset import Images, Labels
from mnistry.networks import keras_files, zoo
from mnistry.networks import literature as networks
from mnistry.recipes import literature
from mnistry.recipes.literature import (
    deskew,
    k_nearest,
    lenet_5,
    linear,
    nearest,
    pairwise_linear,
    pca_quadratic,
    rbf_units,
    virtual_svm,
)


@pytest.fixture(scope="module")
def digits() -> tuple[Images, Labels, Images, Labels]:
    """Images to fit, and five hundred others, of the sample that ships."""
    (images, labels), (others, answers) = mnistry.load("sample")
    return images[:3000], labels[:3000], others[:500], answers[:500]


def error(module: ModuleType, digits: tuple, **settings: object) -> float:
    images, labels, others, answers = digits
    found = module.fit(images, labels, **settings)(others)
    assert found.shape == answers.shape
    return float(np.mean(found != answers))


@pytest.mark.parametrize("row", literature.CLASSICAL + literature.RECIPES)
def test_every_row_has_what_was_published(row: str) -> None:
    page = importlib.import_module(f"mnistry.recipes.literature.{row.replace('-', '_')}")
    assert page.PUBLISHED.year in (None, 1998, 2003, 2014, 2015)
    assert page.PUBLISHED.source
    assert hasattr(page, "RECIPE") == (row in literature.RECIPES)
    if page.PUBLISHED.error is not None:
        assert f"Published: {page.PUBLISHED.error} %" in page.__doc__


def test_deskewing_stands_a_slanted_digit_upright(digits) -> None:
    images = digits[0]
    before, after = deskew.slant(images), deskew.slant(deskew.deskew(images))
    assert np.abs(before).mean() > 0.15
    assert np.abs(after).mean() < 0.02
    # The centre of the ink is in the middle, and the ink is still there.
    upright = deskew.deskew(images).astype(float)
    rows = (upright.sum(axis=2) @ np.arange(28)) / upright.sum(axis=(1, 2))
    assert np.abs(rows - 13.5).max() < 0.3
    assert np.abs(upright.sum(axis=(1, 2)) / images.sum(axis=(1, 2)) - 1).mean() < 0.02


def test_a_blank_image_is_left_blank() -> None:
    assert not deskew.deskew(np.zeros((2, 28, 28), np.uint8)).any()


def test_least_squares_finds_the_weights_that_made_the_targets() -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(50, 4)).astype(np.float32)
    weights = random.normal(size=(4, 3)).astype(np.float32)
    found = linear.least_squares(inputs, inputs @ weights, ridge=0)
    np.testing.assert_allclose(found, weights, atol=1e-4)


def test_three_neighbours_are_those_at_the_smallest_distance(digits) -> None:
    images, labels, others, _ = digits
    known, asked = linear.pixels(images).astype(np.float64), linear.pixels(others[:20])
    found = k_nearest.fit(images, labels)(others[:20])
    for row, answer in zip(asked, found, strict=True):
        nearest_three = labels[np.argsort(((known - row) ** 2).sum(axis=1))[:3]]
        assert answer in nearest_three
        assert (nearest_three == answer).sum() == np.bincount(nearest_three).max()


def test_the_nearest_image_to_a_training_image_is_itself(digits) -> None:
    images, labels, _, _ = digits
    assert (nearest.fit(images, labels)(images[:100]) == labels[:100]).all()


def test_each_pair_of_digits_is_parted(digits) -> None:
    assert len(pairwise_linear.PAIRS) == 45
    assert error(pairwise_linear, digits) < 0.8 * error(linear, digits)


def test_deskewing_helps_the_neighbours(digits) -> None:
    from mnistry.recipes.literature import k_nearest_deskewed

    assert error(k_nearest_deskewed, digits) < 0.8 * error(k_nearest, digits)


def test_the_quadratic_features_bend_the_borders(digits) -> None:
    assert pca_quadratic.quadratic(np.ones((1, 40), np.float32)).shape == (1, 820 + 40 + 1)
    assert error(pca_quadratic, digits) < 0.6 * error(linear, digits)


def test_the_radial_basis_functions_are_centred_among_their_digit(digits) -> None:
    assert error(rbf_units, digits, seed=1) < 0.15
    rows = np.repeat(np.eye(3, 5, dtype=np.float32), 4, axis=0)
    centres = rbf_units.k_means(rows, 3, np.random.default_rng(3))
    assert rbf_units.squared_distances(rows, centres).min(axis=1).max() < 0.6


def test_virtual_support_vectors_help(digits) -> None:
    pytest.importorskip("sklearn")
    plain = error(virtual_svm, digits, first=300, virtual=False)
    assert error(virtual_svm, digits, first=300) < plain


@pytest.mark.parametrize("name", ["svm_rbf", "svm_polynomial"])
def test_a_support_vector_machine_beats_a_weighted_sum(name: str, digits) -> None:
    pytest.importorskip("sklearn")
    machine = importlib.import_module(f"mnistry.recipes.literature.{name}")
    assert error(machine, digits) < 0.7 * error(linear, digits)


def test_table_i_of_the_lenet_paper() -> None:
    mask = networks.connections(networks.C3_SEES, 6)
    assert mask.shape == (1, 1, 6, 16)
    assert mask.sum() == 60  # 1,500 weights and 16 biases: the paper's 1,516 parameters
    assert mask.sum(axis=(0, 1, 2)).tolist() == [3] * 6 + [4] * 9 + [6]
    assert set(mask.sum(axis=(0, 1, 3)).tolist()) == {10}


def test_lenet_5_has_the_parameters_of_the_paper() -> None:
    model = zoo.build("lenet-5")
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    missing = 36 * 25  # weights of the ordinary convolution that table I leaves out
    assert counts.pop("probabilities") == 850
    assert counts == {
        "C1": 156, "S2": 12, "C3": 1516 + missing, "S4": 32, "C5": 48_120, "F6": 10_164,
    }  # fmt: skip


def step(model: keras.Model) -> None:
    """Change every weight by one step of gradient descent, of gradients that are all 1."""
    ones = [keras.ops.ones(variable.shape) for variable in model.trainable_variables]
    keras.optimizers.SGD(0.01).apply(ones, model.trainable_variables)


def test_the_connections_that_table_i_leaves_out_stay_0() -> None:
    model = zoo.build("lenet-5")
    absent = networks.connections(networks.C3_SEES, 6)[0, 0] == 0
    before = np.array(model.get_layer("C3").kernel)
    step(model)
    after = np.array(model.get_layer("C3").kernel)
    assert (before[:, :, absent] == 0).all()
    assert (after[:, :, absent] == 0).all()
    np.testing.assert_allclose((after - before)[:, :, ~absent], -0.01, atol=1e-6)


@pytest.mark.slow
def test_the_connections_stay_0_in_a_training_too(digits) -> None:
    model = zoo.build("lenet-5")
    absent = networks.connections(networks.C3_SEES, 6)[0, 0] == 0
    mnistry.train(model, digits[0][:128], digits[1][:128], epochs=1, batch_size=32)
    kernel = np.asarray(model.get_layer("C3").kernel)
    assert (kernel[:, :, absent] == 0).all()
    assert (kernel[:, :, ~absent] != 0).all()


def test_the_lenet_file_names_stock_layers_only(tmp_path) -> None:
    path = tmp_path / "model.keras"
    keras_files.save(zoo.build("lenet-5"), path)
    assert keras_files.load(path).count_params() == zoo.build("lenet-5").count_params()


def test_the_squashing_function_is_1_at_1_and_the_input_is_normalized() -> None:
    value = keras.Input((1,))
    model = keras.Model(value, networks._squashed(value, "f"))
    found = model.predict_on_batch(np.array([[1.0], [-1.0], [0.0]]))
    np.testing.assert_allclose(found.ravel(), [1, -1, 0], atol=1e-4)
    lenet = zoo.build("lenet-5")
    seen = keras.Model(lenet.input, lenet.get_layer("normalize").output)
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 0, 0] = 255
    values = seen.predict_on_batch(image)[0, :, :, 0]
    assert values.shape == (32, 32)
    np.testing.assert_allclose([values[0, 0], values[2, 2]], [-0.1, 1.175], atol=1e-5)


def test_max_norm_bounds_the_weights_into_every_unit() -> None:
    model = zoo.build("dropout")
    kernels = [model.get_layer(f"hidden_{number}").kernel for number in (1, 2, 3)]
    for kernel in kernels:
        kernel.assign(3 * np.asarray(kernel))
        assert np.linalg.norm(kernel, axis=0).min() > 2
    step(model)
    for kernel in kernels:
        assert np.linalg.norm(kernel, axis=0).max() < 2.001


def test_a_fifth_of_the_pixels_and_half_of_the_units_are_left_out() -> None:
    model = zoo.build("dropout")
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.2, 0.5, 0.5, 0.5]


def test_simards_maps_are_13x13_and_5x5_without_a_subsampling_layer() -> None:
    model = zoo.build("simard")
    shapes = [model.get_layer(f"convolution_{number}").output.shape for number in (1, 2)]
    assert shapes == [(None, 13, 13, 5), (None, 5, 5, 50)]
    assert not [layer for layer in model.layers if "Pooling" in type(layer).__name__]


def test_batch_normalisation_lets_sigmoids_learn_at_once(digits) -> None:
    model = zoo.build("sigmoid-normalized")
    names = [type(layer).__name__ for layer in model.layers]
    assert names.count("BatchNormalization") == 3
    history = mnistry.train(
        model, digits[0], digits[1], optimizer=keras.optimizers.SGD(0.1), epochs=4, batch_size=60
    )
    assert history.epochs[-1].accuracy > 0.8  # without it: about a tenth


@pytest.mark.parametrize("name", literature.RECIPES)
def test_a_recipe_is_found_with_its_network_and_can_be_cut_to_one_epoch(name: str) -> None:
    from mnistry import recipes

    recipe = recipes.find(name)
    assert recipe.network in zoo.NETWORKS
    assert dataclasses.replace(recipe, epochs=1).name == name


def test_the_distorted_recipe_is_lenet_5_with_other_images() -> None:
    from mnistry import recipes

    distorted = recipes.find("lenet-5-distorted")
    assert distorted.distortion is not None
    assert (distorted.network, distorted.batch_size) == ("lenet-5", lenet_5.RECIPE.batch_size)
    # Elastic bends as Simard's: alpha 34 and sigma 4 move a pixel by 1.4 on average.
    elastic = recipes.find("mlp-800-elastic").distortion
    assert elastic is not None
    assert elastic.elastic == pytest.approx(34 / (4 * np.sqrt(12 * np.pi)), abs=0.02)
