import json
from pathlib import Path

import pytest


@pytest.mark.filterwarnings("ignore")  # Ray's own
@pytest.mark.slow
def test_a_sweep_gives_its_results_in_json_and_draws_its_figure(
    mnistry_command, tmp_path: Path
) -> None:
    result = mnistry_command(
        "sweep", "--data", "sample", "--units", "4,8", "--epochs", "2", "--seeds", "2",
        "-o", tmp_path / "out", "--json",
    )  # fmt: skip
    assert result.code == 0
    assert result.err == "4 trainings of at most 2 epochs\n"
    found = json.loads(result.out)
    assert found["table"] == str(tmp_path / "out" / "results.csv")
    assert Path(found["figure"]).read_bytes().startswith(b"\x89PNG")
    units = found["settings"][0]["settings"]["units"]
    expected = f"mnistry train --data sample --epochs 2 --units {units} --seeds 5"
    assert found["train"] == expected
    assert sorted(one["settings"]["units"] for one in found["settings"]) == [4, 8]
    for one in found["settings"]:
        accuracies = [training["validation_accuracy"] for training in one["trainings"]]
        assert one["validation_accuracy"] == pytest.approx(sum(accuracies) / 2)
        assert {training["seed"] for training in one["trainings"]} == {0, 1}
        assert all((Path(it["run"]) / "run.json").exists() for it in one["trainings"])


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
