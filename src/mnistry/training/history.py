"""The figures of a training, epoch by epoch; knows nothing of how they were made."""

import csv
import dataclasses
import io


@dataclasses.dataclass(frozen=True)
class Epoch:
    """The figures of one epoch.

    Attributes
    ----------
    loss, accuracy
        Means over the training images, each batch scored with the weights of that moment: the
        *running* figures that Keras prints, not those of the epoch's final weights.
    val_loss, val_accuracy
        Means over the validation images with the epoch's final weights; None without validation.
    seconds
        From the end of the previous epoch to the end of this one, including callbacks, validation
        and the previous epoch's checkpoint.
    """

    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    seconds: float


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a training is, for a progress bar.

    Attributes
    ----------
    epoch, epochs
        The current epoch, from 1, and the maximum number of epochs.
    step, steps
        Steps done in it, and steps per epoch.
    loss, accuracy
        Running means since the epoch began.
    finished
        The epoch's figures if this is its end, else None.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    finished: Epoch | None = None


@dataclasses.dataclass(frozen=True)
class History:
    """The figures of a whole training.

    Attributes
    ----------
    epochs
        One record per epoch, in order.
    steps
        Steps per epoch.
    compile_seconds, fit_seconds
        Time for compiling (0 if ``model.fit`` trained), and for everything else.
    """

    epochs: tuple[Epoch, ...]
    steps: int
    compile_seconds: float
    fit_seconds: float

    @property
    def history(self) -> dict[str, list[float]]:
        """The figures as in Keras's ``History.history``: by name, one per epoch.

        ``loss`` and ``accuracy``; with validation, ``val_loss`` and ``val_accuracy`` too.
        """
        return curves(self.epochs)


def curves(epochs: tuple[Epoch, ...]) -> dict[str, list[float]]:
    """Return the figures as in Keras's ``History.history``: by name, a list over the epochs."""
    return {
        name: values
        for name in ("loss", "accuracy", "val_loss", "val_accuracy")
        if None not in (values := [getattr(epoch, name) for epoch in epochs])
    }


def to_csv(epochs: tuple[Epoch, ...]) -> str:
    """Write epochs as CSV: one row per epoch, from 1; empty cells without validation.

    Examples
    --------
    >>> print(to_csv((Epoch(0.5, 0.9, None, None, 1.25),)), end="")
    epoch,loss,accuracy,val_loss,val_accuracy,seconds
    1,0.5,0.9,,,1.25
    """
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Epoch)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *names])
    for number, epoch in enumerate(epochs, start=1):
        writer.writerow([number, *(getattr(epoch, name) for name in names)])
    return text.getvalue()


def from_csv(text: str) -> tuple[Epoch, ...]:
    """Read what `to_csv` wrote.

    Raises
    ------
    ValueError, KeyError
        If the text is something else.
    """
    epochs: list[Epoch] = []
    for row in csv.DictReader(io.StringIO(text)):
        numbers = {
            field.name: float(row[field.name]) if row[field.name] else None
            for field in dataclasses.fields(Epoch)
        }
        if None in (numbers["loss"], numbers["accuracy"], numbers["seconds"]):
            raise ValueError(f"epoch {len(epochs) + 1} is cut short")
        epochs.append(Epoch(**numbers))  # type: ignore[arg-type]
    return tuple(epochs)
