import keras
import pytest

from mnistry.errors import UsageError
from mnistry.recipes import Recipe
from mnistry.recipes.optimizers import make_optimizer


@pytest.mark.parametrize(
    "settings",
    [{"optimizer": "magic"}, {"optimizer": "adam", "momentum": 0.9}],
    ids=["unknown", "takes no momentum"],
)
def test_an_optimizer_that_keras_cannot_make_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="Keras optimizer by name: rmsprop, sgd, adam"):
        make_optimizer(Recipe(**settings), 100)


def test_learning_rate_and_momentum_reach_the_optimizer() -> None:
    made = make_optimizer(Recipe(optimizer="SGD", learning_rate=0.25, momentum=0.5), 100)
    assert isinstance(made, keras.optimizers.SGD)
    assert (float(made.learning_rate.numpy()), made.momentum) == (0.25, 0.5)
    default = make_optimizer(Recipe(), 100)
    assert isinstance(default, keras.optimizers.RMSprop)
    assert float(default.learning_rate.numpy()) == pytest.approx(0.001)


def test_without_a_learning_rate_the_schedule_reaches_that_of_keras() -> None:
    made = make_optimizer(Recipe(optimizer="sgd", warmup=0.5), 1000)
    assert float(made._learning_rate(500)) == pytest.approx(0.01)


def test_the_learning_rate_rises_and_falls_as_the_recipe_says() -> None:
    recipe = Recipe(optimizer="adamw", learning_rate=0.5, warmup=0.2, weight_decay=0.25)
    made = make_optimizer(recipe, 1000)
    assert made.weight_decay == 0.25
    rates = [float(made._learning_rate(step)) for step in (0, 100, 200, 600, 1000)]
    # From 1/25 straight to the peak; half way down the cosine in the middle; 1/1000 at the end.
    assert rates == pytest.approx([0.02, 0.26, 0.5, 0.25025, 0.0005], rel=1e-5)
