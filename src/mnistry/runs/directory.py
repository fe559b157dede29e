"""The run directory: what a training was, what came of it, and how two of them compare.

``run.json`` is written first and says ``"status": "done"`` last; every other file appears whole
or not at all. Knows nothing of how a run comes about.
"""

import contextlib
import dataclasses
import datetime
import enum
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mnistry.datasets.dataset import Dataset, Origin
from mnistry.errors import DataError, ModelError, ResourceError, UsageError
from mnistry.evaluation.scorecard import Scorecard, Scores
from mnistry.evaluation.statistics import Comparison, mcnemar
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.system import files
from mnistry.training import history

if TYPE_CHECKING:
    import keras

FORMAT = 1
_RECORD = "run.json"
_LOCK = ".lock"
_CHECKPOINTS = "checkpoints"
_HISTORY = "history.csv"
_SCORECARD = "scorecard.json"
_KERAS, _ONNX = "model.keras", "model.onnx"
_FIGURES = "figures"
_OWN_FILES = {_RECORD, _LOCK, _HISTORY, _SCORECARD, _KERAS, _ONNX}


class Status(enum.StrEnum):
    """How far a training is, or how it ended."""

    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True)
class DataIdentity:
    """Which data a run was trained on, so that it can be found and recognised again.

    Attributes
    ----------
    name, source, licence
        As in `mnistry.Dataset`.
    origin
        What loads it again.
    train, test
        Images in each split; None where there is none.
    digests
        SHA-256 of each array, by Keras's names.
    classes
        The name of each class.
    """

    name: str
    source: str
    licence: str
    origin: Origin
    train: int | None
    test: int | None
    digests: Mapping[str, str]
    classes: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Describe a dataset."""
        origin = dataset.origin
        if origin.data is None:
            origin = dataclasses.replace(origin, data=dataset.name)
        return cls(
            dataset.name,
            dataset.source,
            dataset.licence,
            origin,
            None if dataset.train is None else len(dataset.train.images),
            None if dataset.test is None else len(dataset.test.images),
            dataset.digests,
            dataset.classes,
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave; raises `KeyError` or `TypeError` if it is something else."""
        values = dict(value)
        origin = Origin(values.pop("given"), values.pop("transpose"))
        return cls(**{**values, "origin": origin, "classes": tuple(values["classes"])})

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values, with the origin's in a row with the others."""
        values = dataclasses.asdict(self)
        origin = values.pop("origin")
        return {"given": origin.pop("data"), **origin, **values}

    def check(self, dataset: Dataset) -> None:
        """Raise `DataError` unless a dataset holds the same arrays."""
        for name, digest in self.digests.items():
            if dataset.digests.get(name) != digest:
                raise DataError(
                    f"{name} is not what the run was trained on",
                    where=dataset.source,
                    expected=f"SHA-256 {digest}",
                    remedy="give back the data as it was, or train a new run",
                )


@dataclasses.dataclass(frozen=True)
class Run:
    """One training and its results, in a directory.

    Attributes
    ----------
    path
        The directory.
    status
        See `Status`.
    recipe, seed
        What it takes to repeat it, with the data.
    data
        Which data it was trained on.
    created
        When, in ISO 8601.
    versions
        The version of Python, mnistry, Keras and its backend.
    seconds
        How long start, compile, fit and evaluate took; empty until done.
    digests
        SHA-256 of ``model.keras`` and ``model.onnx``; empty until done.

    Examples
    --------
    >>> Run.open("no/such/run")
    Traceback (most recent call last):
    mnistry.errors.ModelError: no/such/run: no run directory; expected a folder with run.json; ...
    """

    path: Path
    status: Status
    recipe: Recipe
    seed: int
    data: DataIdentity
    created: str
    versions: Mapping[str, str]
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read a run directory.

        Raises
        ------
        ModelError
            If it is none, is damaged, or was written by a newer mnistry.
        """
        path = Path(path)
        record = path / _RECORD
        try:
            value = json.loads(record.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise ModelError(
                "no run directory",
                where=path,
                expected=f"a folder with {_RECORD}",
                remedy="mnistry runs list shows those that there are",
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"cannot be read: {error}", where=record) from error
        form = value.pop("format", None) if isinstance(value, dict) else None
        if not isinstance(form, int):
            raise ModelError("is no record of a run", where=record)
        if form > FORMAT:
            raise ModelError(
                f"format {form} is newer than this mnistry's",
                where=record,
                expected=f"format {FORMAT}",
                remedy="install a newer mnistry",
            )
        try:
            recipe = Recipe.from_json(value.pop("recipe"))
            data = DataIdentity.from_json(value.pop("data"))
            status = Status(value.pop("status"))
            run = cls(path=path, status=status, recipe=recipe, data=data, **value)
        except (LookupError, TypeError, ValueError, AttributeError, UsageError) as error:
            raise ModelError(f"is no record of a run: {error}", where=record) from error
        _check_types(run, record)
        _check_types(run.data, record)
        return run

    def write(self) -> Self:
        """Write ``run.json``, whole or not at all."""
        value = self.to_json()
        del value["path"]
        files.write_json(self.path / _RECORD, {"format": FORMAT, **value})
        return self

    def to_json(self) -> dict[str, Any]:
        """Give all of it as plain values."""
        return {**dataclasses.asdict(self), "path": str(self.path), "data": self.data.to_json()}

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether a run's record is in this directory."""
        return (path / _RECORD).is_file()

    @property
    def experiment(self) -> Experiment:
        """What was trained, and all that repeating it takes."""
        return Experiment(self.recipe, self.data.origin, self.seed)

    @property
    def keras_path(self) -> Path:
        """The network as Keras saves it."""
        return self.path / _KERAS

    @property
    def onnx_path(self) -> Path:
        """The same network for ONNX Runtime."""
        return self.path / _ONNX

    @property
    def history_path(self) -> Path:
        """The figures of every epoch, as CSV."""
        return self.path / _HISTORY

    @property
    def scorecard_path(self) -> Path:
        """The scorecards, as JSON."""
        return self.path / _SCORECARD

    @property
    def figure_folder(self) -> Path:
        """Where plots of the run are put."""
        return self.path / _FIGURES

    @property
    def checkpoint_folder(self) -> Path:
        """Where the states of the training are kept."""
        return checkpoint_folder(self.path)

    def model(self) -> "keras.Model":
        """Load the trained Keras model.

        Raises
        ------
        ModelError
            If the run has none, or the file is damaged.
        """
        from mnistry.networks import keras_files

        return keras_files.load(self.checked(self.keras_path))

    def checked(self, path: Path) -> Path:
        """Give back the path of one of this run's models, if its bytes are those written.

        ONNX Runtime loads a file with flipped bits in silence; the digest tells.
        """
        self._must_be_done()
        try:
            digest = files.sha256(path)
        except OSError as error:
            raise ModelError(f"cannot be read: {error.strerror}", where=path) from error
        if digest != self.digests.get(path.name):
            raise ModelError(
                "damaged: its bytes are not those that were written",
                where=path,
                expected=f"SHA-256 {self.digests.get(path.name)}",
                remedy="train the run again",
            )
        return path

    def _must_be_done(self) -> None:
        if self.status != Status.DONE:
            raise ModelError(
                f"the run is {self.status}: it has no results yet",
                where=self.path,
                remedy=f"mnistry train --resume {self.path}",
            )

    def epochs(self) -> tuple[history.Epoch, ...]:
        """Read the figures of every epoch."""
        path = self.history_path
        try:
            return history.from_csv(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._must_be_done()
            raise ModelError(f"no history: {error}", where=path) from error

    def write_history(self, epochs: tuple[history.Epoch, ...]) -> None:
        """Write the figures of every epoch, whole or not at all."""
        files.write_bytes(self.history_path, history.to_csv(epochs).encode())

    def write_scores(self, scores: Scores) -> None:
        """Write the scorecards, whole or not at all."""
        files.write_json(self.scorecard_path, scores.to_json())

    def scores(self) -> Scores:
        """Read the scorecards."""
        path = self.scorecard_path
        self._must_be_done()
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            test, validation = value["test"], value.get("validation")
            return Scores(
                None if test is None else Scorecard.from_json(test, path),
                Scorecard.from_json(value["train"], path),
                None if validation is None else Scorecard.from_json(validation, path),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError(f"no scorecard: {error}", where=path) from error


def checkpoint_folder(path: Path) -> Path:
    """Give the folder in a run directory where the states of the training are kept."""
    return path / _CHECKPOINTS


@contextlib.contextmanager
def hold(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Hold a run directory against other trainings while the block runs.

    What a killed training left half-written is removed.

    Raises
    ------
    ResourceError
        If another training holds it, after so many seconds of waiting.
    """
    with files.lock(path / _LOCK, what="another training writes to this run", wait=wait):
        for folder in (path, checkpoint_folder(path)):
            files.remove_leftovers(folder)
        yield


def is_own_file(path: Path) -> bool:
    """Whether a path is one of the files that a run keeps; others may be put into its folder."""
    folder = path.parent
    if folder.name == _CHECKPOINTS:
        return Run.exists(folder.parent)
    # Some file systems take Model.Keras for model.keras.
    return path.name.casefold() in _OWN_FILES and Run.exists(folder)


def note_end(path: Path, status: Status, *, wait: float) -> None:
    """Write down how a training ended that could not do so itself; nothing where it could.

    Parameters
    ----------
    path
        The run directory; there may be none.
    status
        `Status.FAILED` or `Status.INTERRUPTED`.
    wait
        Seconds until its process has let go of it.

    Raises
    ------
    ResourceError, ModelError
        If it does not, or the record cannot be read.
    """
    if Run.exists(path):
        with hold(path, wait=wait):
            run = Run.open(path)
            if run.status == Status.RUNNING:
                dataclasses.replace(run, status=status).write()


@contextlib.contextmanager
def begin(path: Path) -> Iterator[None]:
    """Make the directory of a new run, and hold it while the block runs.

    Raises
    ------
    UsageError
        If something is there already.
    ResourceError
        If it cannot be made, or another training holds it.
    """
    refuse_taken(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot be made: {error.strerror}", where=path) from error
    with hold(path):
        if Run.exists(path):  # another was quicker, and is done
            raise _taken(path)
        yield


@contextlib.contextmanager
def claim(folder: Path, recipe_name: str, seed: int) -> Iterator[Path]:
    """Make an empty directory for a new run, ``<folder>/<time>-<recipe>-s<seed>``.

    No other process can get the same. If the block ends with an error before anything is in it,
    it is removed.

    Raises
    ------
    ResourceError
        If it cannot be made.
    """
    now = datetime.datetime.now().astimezone()
    name = f"{now:%Y%m%d-%H%M%S}-{recipe_name}-s{seed}"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = next(path for path in map(folder.joinpath, names) if _make(path))
    except OSError as error:
        raise ResourceError(f"cannot be made: {error.strerror}", where=folder) from error
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):  # something is in it
            path.rmdir()
            if new:
                folder.rmdir()
        raise


def _make(path: Path) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    return True


def refuse_taken(path: Path) -> None:
    """Raise `UsageError` if something is where a new run's directory shall be.

    A training that was killed before it could write its record has left nothing.
    """
    try:
        names = [entry.name for entry in path.iterdir()] if path.exists() else []
    except NotADirectoryError:
        raise _taken(path) from None
    except OSError as error:
        raise ResourceError(f"cannot be read: {error.strerror}", where=path) from error
    if _LOCK in names:
        with files.lock(path / _LOCK, what="another training writes to this run"):
            pass
    if not all(name == _LOCK or files.leftover_of(name) for name in names):
        raise _taken(path)


def _taken(path: Path) -> UsageError:
    return UsageError(
        "exists already",
        where=path,
        remedy=f"choose another -o, or go on with --resume {path}",
    )


def onnx_file(path: str | Path) -> Path:
    """Give an ONNX file as it is; or a run's, if it is the one that the run's record names.

    Raises
    ------
    ModelError
        If `path` is neither, or the run is not done.
    """
    path = Path(path)
    if path.suffix.lower() == ".onnx" or path.is_file():
        return path
    run = Run.open(path)
    return run.checked(run.onnx_path)


def find_all(folder: Path) -> tuple[list[Run], list[ModelError]]:
    """Read every run directly inside a folder, the oldest first, and why others cannot be read."""
    found, broken = [], []
    for record in sorted(folder.glob(f"*/{_RECORD}")):
        try:
            found.append(Run.open(record.parent))
        except ModelError as error:
            broken.append(error)
    return sorted(found, key=lambda run: run.created), broken


def compare(a: Run, b: Run) -> Comparison:
    """Say by McNemar's test whether two runs differ on the same test images.

    Raises
    ------
    DataError
        If they were not scored on the same test images.
    """
    cards = [run.scores().test for run in (a, b)]
    tests = [
        {name: digest for name, digest in run.data.digests.items() if name.endswith("_test")}
        for run in (a, b)
    ]
    if cards[0] is None or cards[1] is None or tests[0] != tests[1]:
        raise DataError(
            f"{a.path} and {b.path} were not scored on the same test images",
            expected="two runs trained on data with the same test split",
        )
    wrong_a, wrong_b = ([mistake.index for mistake in card.mistakes] for card in cards if card)
    return mcnemar(wrong_a, wrong_b, cards[0].count)


def _check_types(value: Any, where: Path) -> None:
    """Raise `ModelError` if a field that JSON filled has another type than it should have."""
    kinds: dict[str, Any] = {"int": int, "str": str, "bool": bool, "int | None": int | None}
    kinds["str | None"] = str | None
    for field in dataclasses.fields(value):
        kind = kinds.get(str(getattr(field.type, "__name__", field.type)))
        if str(field.type).startswith(("Mapping", "collections.abc.Mapping")):
            kind = dict
        content = getattr(value, field.name)
        if kind is not None and not isinstance(content, kind):
            raise ModelError(f"is no record of a run: {field.name} is {content!r}", where=where)
