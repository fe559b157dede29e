"""Make a run from a network trained elsewhere: adopt it, score it, and write the run directory."""

import dataclasses
import datetime
import importlib.metadata
import platform
import time
from pathlib import Path

from mnistry.datasets.dataset import DIGITS, Dataset, Split
from mnistry.errors import DataError
from mnistry.evaluation.scorecard import Scorecard, Scores
from mnistry.images.polarity import has_light_border
from mnistry.inference import onnx_session
from mnistry.networks import keras_files
from mnistry.networks.adopt import Adopted, Network, adopt
from mnistry.runs import directory
from mnistry.runs.directory import Adoption, DataIdentity, Run, Status
from mnistry.runs.scoring import score_split
from mnistry.system import files
from mnistry.version import __version__


def adopt_as_run(network: Network, dataset: Dataset, path: Path) -> tuple[Run, Adopted]:
    """Adopt a network, score it, and write a run directory.

    Parameters
    ----------
    network
        From `mnistry.networks.adopt.open_network`.
    dataset
        The network is tried on its labelled training images, and scored on all of its images.
    path
        The run directory to make.

    Returns
    -------
    run, adopted
        The finished run, and what was tried.

    Raises
    ------
    DataError
        If there are no labelled training images, or they are not digits with 0 for paper.
    ModelError
        If the network cannot be adopted; nothing is written then.
    UsageError, ResourceError
        If the directory exists or cannot be made.
    """
    train = dataset.train
    if train is None or train.labels is None:
        raise DataError(
            "no labelled training images",
            where=dataset.source,
            expected="images with labels, to try the network on",
        )
    if dataset.classes != DIGITS:
        raise DataError(
            f"its classes are {', '.join(dataset.classes[:12])}",
            where=dataset.source,
            expected="the digits 0 to 9, to try the network on",
        )
    if has_light_border(train.images):
        raise DataError(
            "dark ink on light paper",
            where=dataset.source,
            expected="0 for paper to 255 for ink, whichever of the two the network wants",
            remedy="invert the images: 255 - image",
        )
    directory.refuse_taken(path)
    began = time.perf_counter()
    found = adopt(network, train)
    session = onnx_session.open_session(found.onnx)

    def card(split: Split) -> Scorecard:
        return score_split(
            split, onnx_session.probabilities(session, split.images), dataset.classes
        )

    test = dataset.test
    scores = Scores(None if test is None or test.labels is None else card(test), card(train))
    with directory.begin_whole(path):
        run = Run(
            path, Status.RUNNING, None, None, DataIdentity.of(dataset),
            datetime.datetime.now().astimezone().isoformat(timespec="milliseconds"), _versions(),
            adopted=Adoption(found.source, found.digest, str(found.chosen.form)),
        ).write()  # fmt: skip
        files.write_bytes(run.onnx_path, found.onnx)
        run.write_notes(scores)
        models = [run.onnx_path]
        if found.keras is not None:
            keras_files.save(found.keras, run.keras_path)
            models.append(run.keras_path)
        run.write_scores(scores)
        done = dataclasses.replace(
            run,
            status=Status.DONE,
            seconds={"adopt": time.perf_counter() - began},
            digests={model.name: files.sha256(model) for model in models},
        )
        return done.write(), found


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "mnistry": __version__}
    return versions | {name: importlib.metadata.version(name) for name in ("keras", "onnxruntime")}
