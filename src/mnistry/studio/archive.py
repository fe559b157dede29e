"""The runs of one folder, as the API shows them: by name, never by path.

Knows nothing of requests.
"""

import contextlib
import dataclasses
from pathlib import Path

from mnistry.errors import DataError, ModelError, printable
from mnistry.runs import directory
from mnistry.runs.directory import Run, Status
from mnistry.server.errors import ApiError, Error, error_of
from mnistry.studio import schemas


class Archive:
    """The runs in a folder, which may be missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self, chosen: str | None) -> schemas.Runs:
        """List every run; `chosen` names the run whose network is in use."""
        found, broken = directory.find_all(self.folder)
        summaries = []
        for run in found:
            try:
                summaries.append(_summary(run, chosen))
            except ModelError as error:  # a damaged scorecard must not hide the other runs
                broken.append(error)
        return schemas.Runs(runs=summaries, broken=[self._named(error) for error in broken])

    def _named(self, error: ModelError) -> Error:
        """Return an error with the run's name instead of a path."""
        path = Path(error.where or "")
        name = path.relative_to(self.folder).parts[0] if path.is_relative_to(self.folder) else None
        return dataclasses.replace(error_of(error), where=name and printable(name))

    def find(self, name: str) -> Run:
        """Return the run with this name; raise `ApiError` 404 if the folder has none."""
        for run in directory.find_all(self.folder)[0]:
            if run.path.name == name:
                return run
        raise ApiError(
            404, "no such run", expected="one of /api/runs", remedy="load the page again"
        )

    def with_network(self, digest: str) -> Run:
        """Return a run whose ONNX file has this SHA-256; raise `ApiError` 409 if there is none."""
        for run in directory.find_all(self.folder)[0]:
            if run.digests.get(run.onnx_path.name) == digest:
                return run
        raise ApiError(
            409,
            "the run that this network was taught from is not there any more",
            remedy="choose another network on page Runs",
        )

    def detail(self, name: str, chosen: str | None) -> schemas.RunDetail:
        """Return a run's settings, epochs and scores."""
        run = self.find(name)
        done = run.status == Status.DONE
        has_epochs = run.recipe is not None and (done or run.history_path.is_file())
        return schemas.RunDetail(
            **_summary(run, chosen).model_dump(),
            settings={} if run.recipe is None else dataclasses.asdict(run.recipe),
            epochs=run.epochs() if has_epochs else (),
            scores=run.scores().to_json() if done else None,
        )

    def compare(self, a: str, b: str, chosen: str | None) -> schemas.RunComparison:
        """Compare two runs, with McNemar's test if both were scored on the same test images."""
        first, second = self.detail(a, chosen), self.detail(b, chosen)
        test = None
        if first.scores is not None and second.scores is not None:
            with contextlib.suppress(DataError):  # scored on different test images
                found = directory.compare(self.find(a), self.find(b))
                test = schemas.McNemar(
                    only_a=found.only_a, only_b=found.only_b, p=found.p_value, verdict=found.verdict
                )
        return schemas.RunComparison(a=first, b=second, mcnemar=test)


def _summary(run: Run, chosen: str | None) -> schemas.RunSummary:
    name = run.path.name
    return schemas.RunSummary(name=name, chosen=name == chosen, **run.summary())
