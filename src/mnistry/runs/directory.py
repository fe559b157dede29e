"""The run directory: a training's settings and results on disk, and the comparison of two runs.

``run.json`` is written at the start, and again at the end with ``"status": "done"``. Every file is
written whole or not at all. Knows nothing of training.
"""

import contextlib
import dataclasses
import datetime
import enum
import itertools
import json
import os
import re
import shutil
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mnistry.datasets.dataset import Dataset, Origin
from mnistry.errors import DataError, ModelError, ResourceError, UsageError
from mnistry.evaluation.scorecard import Scorecard, Scores
from mnistry.evaluation.statistics import Comparison, mcnemar
from mnistry.inference import metadata, run_directory
from mnistry.percent import percent
from mnistry.recipes import Recipe
from mnistry.recipes.experiment import Experiment
from mnistry.system import files
from mnistry.training import history
from mnistry.version import __version__

if TYPE_CHECKING:
    import keras

FORMAT = run_directory.FORMAT
ADOPTED, TAUGHT = "adopted", "taught"  # instead of a recipe's name
_RECORD = run_directory.RECORD
_LOCK = ".lock"
_LOCKED = "another training writes to this run"
_CHECKPOINTS = "checkpoints"
_HISTORY = "history.csv"
_SCORECARD = "scorecard.json"
_KERAS, _ONNX = "model.keras", run_directory.ONNX
_FIGURES = "figures"
_OWN_FILES = {_RECORD, _LOCK, _HISTORY, _SCORECARD, _KERAS, _ONNX}
_NAME = re.compile(r"\w(?:[\w .-]{0,98}\w)?")


class Status(enum.StrEnum):
    """The state of a training."""

    RUNNING = "running"
    DONE = "done"
    INTERRUPTED = "interrupted"
    DIVERGED = "diverged"
    FAILED = "failed"

    # Shown as in run.json.
    __repr__ = str.__repr__


@dataclasses.dataclass(frozen=True)
class DataIdentity:
    """What identifies the data that a run was trained on.

    Attributes
    ----------
    name, source, licence, origin, digests, classes
        As in `mnistry.Dataset`.
    train, test
        Number of images in each split; None if there is no such split.
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
        """Return the identity of a dataset."""
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
        """Read what `to_json` returned; raise `KeyError` or `TypeError` for other values."""
        values = dict(value)
        given = {"data": values.pop("given"), "transpose": values.pop("transpose")}
        others = [field.name for field in dataclasses.fields(Origin) if field.name in values]
        origin = Origin.from_json(given | {name: values.pop(name) for name in others})
        return cls(**{**values, "origin": origin, "classes": tuple(values["classes"])})

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, with the origin's fields beside the others."""
        values = dataclasses.asdict(self)
        del values["origin"]
        origin = self.origin.to_json()
        return {"given": origin.pop("data"), **origin, **values}

    def check(self, dataset: Dataset) -> None:
        """Raise `DataError` unless a dataset holds the same arrays."""
        for name, digest in self.digests.items():
            if dataset.digests.get(name) != digest:
                raise DataError(
                    f"{name} is not what the run was trained on",
                    where=dataset.source,
                    expected=f"SHA-256 {digest}",
                    remedy="restore the data, or train a new run",
                )


@dataclasses.dataclass(frozen=True)
class Adoption:
    """Where an adopted network came from, and what input it was found to want.

    Attributes
    ----------
    source, digest
        The name of its file, and the file's SHA-256.
    form
        What it is given: ``"0 to 1, ink high, 784 in a row"``.
    """

    source: str
    digest: str
    form: str


@dataclasses.dataclass(frozen=True)
class Teaching:
    """How a network was taught a hand.

    Attributes
    ----------
    start, digest
        The network it began with, and the SHA-256 of its ONNX file.
    licence
        The start's licence.
    examples, writers
        How many examples it was taught with, and by how many writers.
    wrong_before, wrong_after
        How many examples are read wrongly by the start, and by networks that were taught without
        them.
    threshold, threshold_unformed
        The reader's thresholds, taken over from the start.
    """

    start: str
    digest: str
    licence: str
    examples: int
    writers: int
    wrong_before: int
    wrong_after: int
    threshold: float
    threshold_unformed: float


@dataclasses.dataclass(frozen=True)
class Run:
    """The record of one training, adoption or teaching, and access to the files in its directory.

    Attributes
    ----------
    path
        The directory.
    status
        See `Status`.
    recipe, seed
        The settings and the seed; see `mnistry.recipes.experiment.Experiment`. None for an
        adopted network, whose training is not known, and for a taught one.
    data
        The data that it was trained on, or on which an adopted or taught network was scored.
    created
        The time of its start, in ISO 8601.
    versions
        The versions of Python, mnistry, Keras and its backend.
    seconds
        Durations of start, compile, fit and evaluate; empty until done.
    digests
        SHA-256 of ``model.keras`` and ``model.onnx``; empty until done.
    adopted
        Where an adopted network came from; None for others.
    taught
        How a taught network was taught; None for others.

    Examples
    --------
    >>> Run.open("no/such/run")
    Traceback (most recent call last):
    mnistry.errors.ModelError: no/such/run: no such file or folder; expected a run directory, ...
    """

    path: Path
    status: Status
    recipe: Recipe | None
    seed: int | None
    data: DataIdentity
    created: str
    versions: Mapping[str, str]
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    adopted: Adoption | None = None
    taught: Teaching | None = None

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read a run directory.

        Raises
        ------
        ModelError
            If there is no run, or it is damaged or was written by a newer mnistry.
        """
        path = Path(path)
        value = run_directory.read_record(path)
        try:
            adopted = value.pop("adopted", None)
            if adopted is not None:
                adopted = Adoption(**adopted)
            taught = value.pop("taught", None)
            if taught is not None:
                taught = Teaching(**taught)
            trained = adopted is None and taught is None
            recipe = value.pop("recipe")
            recipe = Recipe.from_json(recipe) if trained else None
            data = DataIdentity.from_json(value.pop("data"))
            status = Status(value.pop("status"))
            run = cls(
                path=path, status=status, recipe=recipe, data=data, adopted=adopted, taught=taught,
                **value,
            )  # fmt: skip
            if run.seed is None and trained:
                raise TypeError("seed is missing")
        except (LookupError, TypeError, ValueError, AttributeError, UsageError) as error:
            raise run_directory.damaged(path, error) from error
        for part in (run, run.data, run.data.origin, run.adopted, run.taught):
            if part is not None:
                _check_types(part, path)
        return run

    def write(self) -> Self:
        """Write ``run.json``, whole or not at all."""
        value = self.to_json()
        del value["path"]
        for name in ("adopted", "taught"):  # older runs have no such keys
            if value[name] is None:
                del value[name]
        files.write_json(self.path / _RECORD, {"format": FORMAT, **value})
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the whole record as JSON values."""
        return {**dataclasses.asdict(self), "path": str(self.path), "data": self.data.to_json()}

    @staticmethod
    def exists(path: Path) -> bool:
        """Return whether a directory holds a run's record."""
        return (path / _RECORD).is_file()

    @property
    def experiment(self) -> Experiment:
        """The experiment: all that is needed to repeat the training.

        Raises
        ------
        ModelError
            If the network was adopted or taught.
        """
        recipe, seed = self.recipe, self.seed
        if recipe is None or seed is None:
            is_taught = self.taught is not None
            raise self.lacks(
                "it has no recipe to repeat" if is_taught else "how it was trained is not known"
            )
        return Experiment(recipe, self.data.origin, seed)

    def lacks(self, what: str) -> ModelError:
        """Make the error for something that an adopted or taught network does not have."""
        kind = "an adopted network"
        if self.adopted is not None:
            kind += f" from {self.adopted.source}"
        if self.taught is not None:
            kind = f"a network taught from {self.taught.start}"
        export = "export" if self.has_keras else "export --format onnx"
        return ModelError(
            f"{kind}: {what}",
            where=self.path,
            expected="a run that mnistry trained",
            remedy=f"mnistry evaluate, explain, plot, read and {export} work with this run",
        )

    @property
    def kind(self) -> str:
        """The recipe's name, or how else the network was made."""
        if self.recipe is not None:
            return self.recipe.name
        return ADOPTED if self.taught is None else TAUGHT

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
    def figure_folder(self) -> Path:
        """The folder for plots of the run."""
        return self.path / _FIGURES

    @property
    def checkpoint_folder(self) -> Path:
        """The folder for checkpoints of the training."""
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

    @property
    def has_keras(self) -> bool:
        """Whether the run has a Keras model: adopted ONNX networks and taught ones have none."""
        return self.recipe is not None or _KERAS in self.digests

    def checked(self, path: Path) -> Path:
        """Return the path of one of this run's models, after checking its digest.

        Raises
        ------
        ModelError
            If the run is not done or has no such model, or the file is missing or damaged.
        """
        self._check_done()
        if path == self.keras_path and not self.has_keras:
            raise self.lacks("it has no Keras model, only ONNX")
        run_directory.check_digest(path, self.digests.get(path.name), self._again)
        return path

    def summary(self) -> dict[str, Any]:
        """Return what a list of runs shows, except the run's name."""
        test = self.scores().test if self.status == Status.DONE else None
        return {
            "status": self.status,
            "recipe": self.kind,
            "seed": self.seed,
            "data": self.data.name,
            "created": self.created,
            "test_accuracy": None if test is None else test.accuracy,
            "test_loss": None if test is None else test.loss,
        }

    def _check_done(self) -> None:
        run_directory.check_done(self.path, self.status, self._again)

    @property
    def _again(self) -> str:
        """How to make the run again if its files are damaged, for messages."""
        return run_directory.how_again(
            None if self.adopted is None else self.adopted.source, is_taught=self.taught is not None
        )

    def epochs(self) -> tuple[history.Epoch, ...]:
        """Read the figures of every epoch; raise `ModelError` if the run has none."""
        path = self.history_path
        if self.recipe is None:
            raise self.lacks("it has no history of epochs")
        try:
            return history.from_csv(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._check_done()
            raise ModelError(f"no history: {error}", where=path) from error

    def write_history(self, epochs: tuple[history.Epoch, ...]) -> None:
        """Write the figures of every epoch, whole or not at all."""
        files.write_bytes(self.history_path, history.to_csv(epochs).encode())

    def notes(self, scores: Scores) -> dict[str, str]:
        """Return what the run's ONNX file says about itself.

        It names no folder and no time: the same training writes the same file.
        """
        card, split = scores.train, "training"
        if scores.test is not None:
            card, split = scores.test, "test"
        more = {}
        if self.adopted is not None:
            run = f"adopted from {self.adopted.source}, SHA-256 {self.adopted.digest}"
            licence = "that of the network it was adopted from"
        elif self.taught is not None:
            taught = self.taught
            run = f"taught from {taught.start}, SHA-256 {taught.digest}, with {taught.examples} "
            run += f"examples of {taught.writers} writer(s)"
            licence = taught.licence
            more = metadata.thresholds(taught.threshold, taught.threshold_unformed)
        else:
            recipe = self.experiment.recipe
            run, licence = f"recipe {recipe.name}, seed {self.seed}", self.data.licence
        return {
            "run": run,
            "data": self.data.name,
            "accuracy": f"{percent(card.accuracy)} of {card.count:,} {split} images of "
            f"{self.data.name}",
            "licence": licence,
            "version": f"mnistry {__version__}",
            **more,
        }

    def write_notes(self, scores: Scores) -> None:
        """Add the run's notes to its ONNX file, whole or not at all."""
        content = self.onnx_path.read_bytes()
        files.write_bytes(self.onnx_path, metadata.add(content, self.notes(scores)))

    def write_scores(self, scores: Scores) -> None:
        """Write the scorecards, whole or not at all."""
        files.write_json(self.path / _SCORECARD, scores.to_json())

    def scores(self) -> Scores:
        """Read the scorecards; raise `ModelError` if the run is not done or they are damaged."""
        path = self.path / _SCORECARD
        self._check_done()
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
    """Return the folder for checkpoints in a run directory."""
    return path / _CHECKPOINTS


@contextlib.contextmanager
def hold(path: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Lock a run directory during the block, and remove what a killed training left half-written.

    Raises
    ------
    ResourceError
        If another training still holds the lock after `wait` seconds.
    """
    with files.lock(path / _LOCK, what=_LOCKED, wait=wait):
        for folder in (path, checkpoint_folder(path)):
            files.remove_leftovers(folder)
        yield


def is_own_file(path: Path) -> bool:
    """Return whether a file belongs to a run; users may put other files into its folder."""
    folder = path.parent
    if folder.name == _CHECKPOINTS:
        return Run.exists(folder.parent)
    # On some file systems Model.Keras and model.keras are the same file.
    return path.name.casefold() in _OWN_FILES and Run.exists(folder)


def note_end(path: Path, status: Status, *, wait: float) -> None:
    """Record how a training ended if its process could not; do nothing if that is recorded already.

    The run directory may be missing.

    Raises
    ------
    ResourceError, ModelError
        If the process still holds the lock after `wait` seconds, or the record cannot be read.
    """
    if Run.exists(path):
        with hold(path, wait=wait):
            run = Run.open(path)
            if run.status == Status.RUNNING:
                dataclasses.replace(run, status=status).write()


@contextlib.contextmanager
def begin(path: Path) -> Iterator[None]:
    """Make the directory of a new run, and lock it during the block.

    Raises
    ------
    UsageError
        If the path exists already.
    ResourceError
        If it cannot be made, or another training holds the lock.
    """
    refuse_taken(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"cannot be made: {error.strerror}", where=path) from error
    with hold(path):
        if Run.exists(path):  # made by another process since refuse_taken
            raise _taken(path)
        yield


@contextlib.contextmanager
def begin_whole(path: Path) -> Iterator[None]:
    """Do as `begin` does; if the block fails, remove what it wrote: there is nothing to resume."""
    has_failed = False
    try:
        with begin(path):
            try:
                yield
            except BaseException:
                has_failed = True
                with contextlib.suppress(OSError):
                    files.remove_leftovers(path)
                    _remove_own_files(path)
                raise
    finally:
        if has_failed:
            _remove_if_empty(path)


@contextlib.contextmanager
def claim(folder: Path, recipe_name: str, seed: int) -> Iterator[Path]:
    """Make an empty directory for a new run, ``<folder>/<time>-<recipe>-s<seed>``.

    Its name is unique even among processes. If the block fails and the directory is still empty,
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
        for path in map(folder.joinpath, names):
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                break
    except OSError as error:
        raise ResourceError(f"cannot be made: {error.strerror}", where=folder) from error
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):  # it is not empty
            path.rmdir()
            if new:
                folder.rmdir()
        raise


def rename(run: Run, name: str) -> Run:
    """Give a run's directory another name in the same folder.

    Raises
    ------
    UsageError
        If the name cannot be a folder's on every system, or is taken.
    ResourceError
        If a training writes to the run, or the folder cannot be written to.
    """
    path = run.path.with_name(name) if _NAME.fullmatch(name) else None
    if path is None:
        expected = "up to 100 letters, digits, spaces, _, - and ."
        raise UsageError(
            "not a valid name for a run", where=name, expected=expected, remedy="choose another"
        )
    if os.path.lexists(path):
        raise UsageError("this name is taken", where=name, remedy="choose another")
    with hold(run.path):
        pass
    try:
        run.path.rename(path)
    except OSError as error:
        raise ResourceError(f"cannot be renamed: {error.strerror}", where=run.path) from error
    return dataclasses.replace(run, path=path)


def delete(run: Run) -> None:
    """Delete a run's files, and its directory unless there are other files in it.

    Raises
    ------
    ResourceError
        If a training writes to the run, or it cannot be deleted.
    """
    try:
        with hold(run.path):
            (run.path / _RECORD).unlink()  # first: without it the rest is no run
            _remove_own_files(run.path)
            for folder in (run.checkpoint_folder, run.figure_folder):
                if folder.is_dir() and not folder.is_symlink():
                    shutil.rmtree(folder)
    except OSError as error:
        raise ResourceError(f"cannot be deleted: {error.strerror}", where=run.path) from error
    _remove_if_empty(run.path)


def _remove_own_files(path: Path) -> None:
    """Remove a run's files in its directory, which is locked, but not the lock."""
    for name in _OWN_FILES - {_LOCK}:
        (path / name).unlink(missing_ok=True)


def _remove_if_empty(path: Path) -> None:
    """Remove the lock, which nobody holds any more, and the directory unless it has other files."""
    with contextlib.suppress(OSError):
        (path / _LOCK).unlink(missing_ok=True)
        path.rmdir()


def refuse_taken(path: Path) -> None:
    """Raise `UsageError` if the path of a new run exists already.

    A directory counts as free if a training was killed in it before it wrote its record.
    """
    try:
        names = [entry.name for entry in path.iterdir()] if path.exists() else []
    except NotADirectoryError:
        raise _taken(path) from None
    except OSError as error:
        raise ResourceError(f"cannot be read: {error.strerror}", where=path) from error
    if _LOCK in names:
        with files.lock(path / _LOCK, what=_LOCKED):
            pass
    if not all(name == _LOCK or files.leftover_of(name) for name in names):
        raise _taken(path)


def _taken(path: Path) -> UsageError:
    remedy = "choose another -o"
    with contextlib.suppress(ModelError):
        run = Run.open(path)
        if run.adopted is None and run.status in (Status.RUNNING, Status.INTERRUPTED):
            remedy += f", or continue this training: mnistry train --resume {path}"
    return UsageError("exists already", where=path, remedy=remedy)


def find_all(folder: Path) -> tuple[list[Run], list[ModelError]]:
    """Read every run directly in a folder; return runs, the oldest first, and errors."""
    found, broken = [], []
    for record in sorted(folder.glob(f"*/{_RECORD}")):
        try:
            found.append(Run.open(record.parent))
        except ModelError as error:
            broken.append(error)
    return sorted(found, key=lambda run: run.created), broken


def compare(a: Run, b: Run) -> Comparison:
    """Compare two runs on the same test images by McNemar's test.

    Raises
    ------
    DataError
        If they were not scored on the same test images.
    """
    card_a, card_b = a.scores().test, b.scores().test
    digests = [[run.data.digests.get(name) for name in ("x_test", "y_test")] for run in (a, b)]
    if card_a is None or card_b is None or digests[0] != digests[1]:
        raise DataError(
            f"{a.path} and {b.path} were not scored on the same test images",
            expected="two runs trained on data with the same test split",
        )
    wrong_a, wrong_b = ([mistake.index for mistake in card.mistakes] for card in (card_a, card_b))
    return mcnemar(wrong_a, wrong_b, card_a.count)


def _check_types(record: Any, folder: Path) -> None:
    """Raise `ModelError` if a field, read from JSON, has the wrong type."""
    for field in dataclasses.fields(record):
        kind: Any = field.type
        if not isinstance(kind, types.UnionType):
            kind = typing.get_origin(kind) or kind  # Mapping for Mapping[str, str]
        content = getattr(record, field.name)
        if not isinstance(content, kind):
            raise run_directory.damaged(folder, f"{field.name} is {content!r}")
