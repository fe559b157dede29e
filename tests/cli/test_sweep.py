import json
from pathlib import Path

import pytest


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_sweep_prints_its_table_and_draws_its_figure(mnistry_command, tmp_path: Path) -> None:
    command = [
        "sweep", "--data", "sample", "--units", "4,8", "--epochs", "2", "--seeds", "2",
        "-o", tmp_path / "out",
    ]  # fmt: skip
    result = mnistry_command(*command)
    assert result.code == 0
    assert result.err == "4 trainings of at most 2 epochs\n"
    lines = result.out.splitlines()
    assert lines[0].split()[:2] == ["units", "accuracy"]
    assert {line.split()[0] for line in lines[1:3]} == {"4", "8"}
    assert (tmp_path / "out" / "sweep.png").read_bytes().startswith(b"\x89PNG")
    again = json.loads(mnistry_command(*command, "--json").out)
    assert sorted(one["settings"]["units"] for one in again) == [4, 4, 8, 8]
    assert {one["seed"] for one in again} == {0, 1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--units", "1..5"], "--trials"),
        (["--units", "x"], "values separated by commas"),
        (["--units", "8", "--validation", "0"], "nothing is set aside"),
        (["--recipe", "none"], "no recipe is called"),
    ],
)
def test_what_cannot_be_swept_is_refused(mnistry_command, tmp_path, options, said) -> None:
    result = mnistry_command("sweep", *options, "-o", tmp_path / "out")
    assert (result.code, result.out) == (2, "")
    assert said in result.err
    assert not (tmp_path / "out").exists()
