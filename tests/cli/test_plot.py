import dataclasses
import shutil
from pathlib import Path

import pytest
from PIL import Image

import mnistry
from mnistry.cli.plot import draw
from mnistry.runs.directory import Run


@pytest.mark.slow
def test_every_figure_of_a_run_is_a_picture_in_it(
    mnistry_command, finished_run: Run, tmp_path: Path
) -> None:
    shutil.copytree(finished_run.path, tmp_path / "run")
    result = mnistry_command("plot", tmp_path / "run")
    assert result.code == 0
    paths = {Path(line) for line in result.out.splitlines()}
    assert paths == set((tmp_path / "run" / "figures").iterdir())
    assert {path.name for path in paths} == {
        "curves.png", "ledger.png", "confusion.png", "mistakes.png", "reliability.png",
        "first_layer.png",
    }  # fmt: skip
    for path in paths:
        with Image.open(path) as picture:
            assert len(picture.convert("L").getcolors(256) or []) > 10  # not a blank page


def test_data_without_test_images_gives_the_other_figures(
    finished_run: Run, tmp_path: Path
) -> None:
    shutil.copytree(finished_run.path, tmp_path / "run")
    dataset = dataclasses.replace(mnistry.load("sample"), test=None)
    paths = draw(Run.open(tmp_path / "run"), dataset)
    assert {path.stem for path in paths} == {"curves", "ledger", "first_layer"}
