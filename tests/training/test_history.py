import pytest

from mnistry.training import history
from mnistry.training.history import Epoch, History

EPOCHS = (Epoch(0.26, 0.92, 0.13, 0.96, 0.5), Epoch(0.1, 0.97, 0.09, 0.975, 0.4))


def test_csv_gives_back_what_was_written() -> None:
    assert history.from_csv(history.to_csv(EPOCHS)) == EPOCHS


def test_csv_without_validation_gives_back_none() -> None:
    epochs = (Epoch(0.26, 0.92, None, None, 0.5),)
    assert history.from_csv(history.to_csv(epochs)) == epochs


def test_the_figures_are_lists_by_name_as_in_keras_history() -> None:
    assert History(EPOCHS, 469, 0.1, 0.9).history == {
        "loss": [0.26, 0.1],
        "accuracy": [0.92, 0.97],
        "val_loss": [0.13, 0.09],
        "val_accuracy": [0.96, 0.975],
    }
    assert history.curves((Epoch(0.26, 0.92, None, None, 0.5),)).keys() == {"loss", "accuracy"}


def test_text_that_is_no_history_is_an_error() -> None:
    with pytest.raises(KeyError):
        history.from_csv("a,b\n1,2\n")
    with pytest.raises(ValueError, match="epoch 2 is cut short"):
        history.from_csv(history.to_csv(EPOCHS[:1]) + "2,0.1\n")
