"""The page of results says what was measured; whether it was measured well is not tested here."""

import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.scripts import load

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that writes the page, in an empty folder."""
    module = load(BENCHMARKS / "results.py")
    monkeypatch.setattr(module, "HERE", tmp_path)
    return module


def measured(*epochs: float) -> list[dict[str, float]]:
    return [
        {"epoch": epoch, "process": 10 * epoch, "megabytes": 500, "accuracy": 0.98}
        for epoch in epochs
    ]


def test_ratios_are_medians_of_those_taken_round_by_round(
    results: ModuleType, tmp_path: Path
) -> None:
    # The machine was twice as slow in the second round, and the peer busy in the third.
    ours, theirs = measured(0.5, 1.0, 0.5), measured(1.0, 2.0, 2.0)
    results.save("peers", {"rounds": 3, "measured": {"mnistry": ours, "peer": theirs}})
    page = (tmp_path / "RESULTS.md").read_text()
    assert "| mnistry | 0.500 | 1 | 5.0 | 1 | 500 | 98.00% ± 0.00% |" in page
    assert "| peer | 2.000 | **0.50** (0.25–0.50) | 20.0 | **0.50** (0.25–0.50) |" in page
    assert (tmp_path / "epoch.png").stat().st_size > 1000


def test_the_page_keeps_what_other_benchmarks_have_found(
    results: ModuleType, tmp_path: Path
) -> None:
    run = {"machine": "two cores", "accuracy": 0.99, "compile": 1, "fit": 4, "process": 8}
    (tmp_path / "recipes.json").write_text(
        json.dumps({"measured": {"fast": [run | {"megabytes": 700}]}})
    )
    ones = [{"epoch": 0.5, "megabytes": 500}]
    found = {"data": {1: ones, 2: ones}, "units": {1: ones, 2: ones}, "cores": {1: ones, 2: ones}}
    results.save("size", {"rounds": 1, "measured": found})
    page = (tmp_path / "RESULTS.md").read_text()
    assert "| `fast` | 1 | 99.00% | 99.00% to 99.00% | 1.0 | 4.0 | 8.0 | 700 |" in page
    assert "| units | 2 | 0.50 | 500 |" in page


def test_reading_by_a_cluster_is_measured_on_at_least_one_core() -> None:
    pytest.importorskip("pyarrow")
    assert load(BENCHMARKS / "cluster_reading.py").CORES[0] == 1


def test_every_benchmark_that_is_named_exists() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *BENCHMARKS.glob("*.py")]
    texts += [*ROOT.glob("src/**/*.py"), ROOT / "Makefile", BENCHMARKS / "RESULTS.md"]
    named = {
        name
        for path in texts
        for name in re.findall(r"python (benchmarks/\w+\.py)", path.read_text("utf-8"))
    }
    assert "benchmarks/peers.py" in named
    assert {name for name in named if not (ROOT / name).is_file()} == set()


@pytest.fixture
def literature(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return load(BENCHMARKS / "literature.py")


def test_the_table_of_published_results_is_that_of_the_measurements(literature: ModuleType) -> None:
    measured = literature.load()
    page = literature.PAGE.read_text("utf-8")
    assert literature.with_tables(page, measured) == page
    measured["rows"]["linear"][0]["error"] = 12.5
    assert "| 12.50 | 1 |" in literature.with_tables(page, measured)


def test_a_digit_is_centred_by_its_box(literature: ModuleType) -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 3:9, 20:24] = 7
    image[0, 3, 20] = 200  # the mass lies near this corner
    moved = literature.in_box(image)[0]
    assert np.argwhere(moved).min(axis=0).tolist() == [11, 12]
    assert np.argwhere(moved).max(axis=0).tolist() == [16, 15]
    assert moved[11, 12] == 200


def test_digits_are_made_smaller_in_the_middle(literature: ModuleType) -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 4:24] = 255
    (small,) = literature.smaller(image)
    assert small.shape == (28, 28)
    assert (small > 127).any(axis=0).sum() == 16
    rows = np.flatnonzero(small.any(axis=1))
    assert rows[0] + rows[-1] == 27
