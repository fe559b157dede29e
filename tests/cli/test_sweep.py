import contextlib
import json
from pathlib import Path

import pytest

from mnistry.cluster import connection, sweep
from mnistry.cluster.sweep import Outcome, Result

# By units and seed.
ACCURACIES = {(4, 0): 0.5, (4, 1): 0.75, (8, 0): 0.875, (8, 1): 0.625}


@pytest.fixture
def nothing_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each training of a sweep the result in `ACCURACIES`.

    A sweep is run in tests/cluster/test_sweep.py, and as a command by docs/howto/sweep.md.
    """

    def run(trials, dataset, out: Path, *, here: bool, on_progress) -> Outcome:
        out.mkdir()
        results = [
            Result(one, 2, ACCURACIES[one.settings["units"], one.experiment.seed], "done")
            for one in trials
        ]
        return Outcome(tuple(results), {})

    monkeypatch.setattr(connection, "connected", lambda address: contextlib.nullcontext(2))
    monkeypatch.setattr(sweep, "run", run)


def test_a_sweep_gives_its_results_in_json_and_draws_its_figure(
    mnistry_command, nothing_trains: None, tmp_path: Path
) -> None:
    result = mnistry_command(
        "sweep", "--data", "sample", "--units", "4,8", "--epochs", "1", "--seeds", "2",
        "-o", tmp_path / "out", "--json",
    )  # fmt: skip
    assert result.code == 0
    assert result.err == "4 trainings of at most 1 epoch\n"
    found = json.loads(result.out)
    assert found["table"] == str(tmp_path / "out" / "results.csv")
    assert Path(found["figure"]).read_bytes().startswith(b"\x89PNG")
    assert found["train"] == "mnistry train --data sample --epochs 1 --units 8 --seeds 5"
    assert [(one["settings"], one["validation_accuracy"]) for one in found["settings"]] == [
        ({"units": 8}, 0.75), ({"units": 4}, 0.625),
    ]  # fmt: skip
    best = found["settings"][0]["trainings"]
    assert [(one["seed"], one["validation_accuracy"]) for one in best] == [(0, 0.875), (1, 0.625)]
    assert [one["run"] for one in best] == [
        str(tmp_path / "out" / "runs" / name) for name in ("1-s0", "1-s1")
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--units", "1..5"], "--trials"),
        (["--units", "x"], "values separated by commas"),
        (["--units", "8", "--validation", "0"], "a sweep needs held-out images"),
        (["--recipe", "none"], "no recipe is called"),
        ([], "nothing varies"),
    ],
)
def test_what_cannot_be_swept_is_refused(mnistry_command, tmp_path, options, said) -> None:
    result = mnistry_command("sweep", *options, "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert not (tmp_path / "out").exists()
