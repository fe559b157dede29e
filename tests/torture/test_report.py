import json
import re
from pathlib import Path

from torture import __main__ as report


def test_the_page_shows_the_figures_that_were_measured(tmp_path: Path) -> None:
    record = json.loads((report.HERE / "results.json").read_text())
    assert set(record["campaigns"]) == set(report.CAMPAIGNS)
    page = tmp_path / "page.md"
    page.write_text(report.PAGE.read_text())
    report.write_page(record, page)
    assert page.read_text() == report.PAGE.read_text()


def test_a_wrong_result_stands_out_in_the_page(tmp_path: Path) -> None:
    record = json.loads((report.HERE / "results.json").read_text())
    record["campaigns"]["moments"]["wrong"] = ["left run.json: half"]
    page = tmp_path / "page.md"
    page.write_text(report.PAGE.read_text())
    report.write_page(record, page)
    assert re.search(r"killed at random moments.*\*\*1 wrong\*\*", page.read_text())
