import dataclasses
import json

import keras
import pytest

from mnistry import recipes
from mnistry.errors import UsageError
from mnistry.recipes import Recipe
from mnistry.recipes.recipe import OPTIMIZERS


def test_the_default_recipe_is_the_classic_experiment() -> None:
    classic = recipes.find("classic")
    assert classic == Recipe()
    assert (classic.network, classic.units, classic.depth) == ("dense", 512, 1)
    assert (classic.optimizer, classic.loss) == ("rmsprop", "categorical_crossentropy")
    assert (classic.epochs, classic.batch_size, classic.validation) == (5, 128, 0)


@pytest.mark.parametrize(
    "setting",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"units": 0},
        {"depth": -1},
        {"learning_rate": -0.1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"momentum": 1.0},
        {"weight_decay": 1.0},
        {"weight_decay": -0.1},
        {"learning_rate": 0.1, "warmup": 1.0},
        {"learning_rate": 0.1, "warmup": float("nan")},
        {"warmup": 0.1},
        {"plain_epochs": 1.1},
        {"plain_epochs": -0.1},
        {"styled": -1},
        {"non_digits": -1},
        {"non_digits": 10, "loss": "sparse_categorical_crossentropy"},
        {"validation": 1.0},
        {"validation": -0.1},
        {"early_stopping": 0},
        {"loss": "hinge"},
    ],
)
def test_fault_67_a_setting_out_of_range_is_refused(setting: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="expected"):
        dataclasses.replace(Recipe(), **setting)


@pytest.mark.parametrize("name", recipes.NAMES)
def test_a_recipe_survives_json(name: str) -> None:
    recipe = recipes.find(name)
    assert recipe.name == name
    assert Recipe.from_json(json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


@pytest.mark.parametrize("name", recipes.NAMES)
def test_every_recipe_can_be_cut_to_one_epoch(name: str) -> None:
    assert dataclasses.replace(recipes.find(name), epochs=1).epochs == 1


def test_classic_plus_has_the_classic_network() -> None:
    shapes = {
        (recipe.network, recipe.units, recipe.depth)
        for recipe in map(recipes.find, ("classic", "classic-plus"))
    }
    assert shapes == {("dense", 512, 1)}


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="classic"):
        recipes.find("secret")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keras_has_every_optimizer_that_is_named(name: str) -> None:
    assert type(keras.optimizers.get(name)).__name__.lower() == name


def test_the_old_setting_names_of_a_version_0_1_recipe_are_understood() -> None:
    old = dataclasses.asdict(recipes.find("best")) | {"undistorted": 0.25, "strangers": 30}
    del old["plain_epochs"], old["non_digits"]
    recipe = Recipe.from_json(old)
    assert (recipe.plain_epochs, recipe.non_digits) == (0.25, 30)
