"""The page of one network is one file, whole, safe and small."""

import base64
import dataclasses
import hashlib
import json
import re
from pathlib import PurePosixPath

import pytest

import mnistry
from mnistry.errors import ModelError
from mnistry.percent import percent
from mnistry.reading.built_in import built_in_card
from mnistry.runs.directory import Run
from mnistry.studio import one_file


@pytest.fixture(scope="module")
def page(finished_run: Run) -> str:
    return one_file.of_run(finished_run, mnistry.load("sample")).page


def test_the_policy_allows_the_one_script_and_style_alone(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1].replace(
        "&#x27;", "'"
    )
    script, style = (
        re.search(f"<{kind}>(.*?)</{kind}>", page, re.DOTALL)[1] for kind in ("script", "style")
    )
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (script, style)
    ]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_no_other_file_or_host_is_named(page: str) -> None:
    assert not re.findall(r"(?:src|href)=|url\(|@import|^(?:import|export)\b", page, re.MULTILINE)
    assert set(re.findall(r"https?://[\w.-]+", page)) <= {"http://www.w3.org"}


def test_the_scorecard_the_data_and_the_licence_are_on_it(page: str, finished_run: Run) -> None:
    text = re.sub(r"<[^>]+>", " ", page)
    test = finished_run.scores().test
    assert f"{percent(test.accuracy)} of {test.count:,} test images of sample" in text
    assert f"(95 % interval {percent(test.interval.low)} to {percent(test.interval.high)})" in text
    assert f"licence: {finished_run.data.licence}" in text
    assert "recipe small, seed 0" in text
    assert str(finished_run.path) not in page


def test_a_name_from_right_to_left_does_not_turn_the_numbers_beside_it(finished_run: Run) -> None:
    # Without isolation the bracket and the 95 behind the name stand on its left.
    data = dataclasses.replace(finished_run.data, name="ספרות", licence="\u202eאבג")
    page = one_file.of_run(
        dataclasses.replace(finished_run, data=data), mnistry.load("sample")
    ).page
    assert page.count("images of \u2068ספרות\u2069 (95 % interval") == 2
    assert "<dd>\u2068ספרות\u2069; licence: \u2068\u202eאבג\u2069</dd>" in page


def test_what_a_file_says_cannot_end_the_script_or_add_markup(finished_run: Run) -> None:
    data = dataclasses.replace(finished_run.data, licence="<script>alert(1)</script>")
    run = dataclasses.replace(finished_run, data=data)
    page = one_file.of_run(run, mnistry.load("sample")).page
    assert page.count("<script") == page.count("</script>") == 2
    assert "&lt;script&gt;alert(1)" in page


def test_the_built_in_network_brings_its_threshold(page: str) -> None:
    made = one_file.of_built_in(mnistry.load("sample"))
    text = re.search(r'id="network">(.*?)</script>', made.page, re.DOTALL)[1]
    assert json.loads(text)["threshold"] == built_in_card()["threshold"]
    assert len(made.page) < 1_500_000
    assert len(page) < len(made.page)


def test_a_network_of_other_classes_is_refused(finished_run: Run) -> None:
    data = dataclasses.replace(finished_run.data, classes=("a", "b", "c"))
    with pytest.raises(ModelError, match="it tells 3 classes apart, a, b, c"):
        one_file.of_run(dataclasses.replace(finished_run, data=data), mnistry.load("sample"))


def test_modules_are_joined_after_what_they_import() -> None:
    script = one_file.joined(PurePosixPath("pure/sentences.js"))
    assert script.startswith("const module_pure_sentences = (() => {\n")
    assert "return { filled, number, probability, sum, softmaxSteps };\n})();\n" in script
    script = one_file.joined(PurePosixPath("page/page.js"))
    names = re.findall(r"^const (module_\w+) = \(\(\) =>", script, re.MULTILINE)
    assert names[-1] == "module_page_page"
    for name in names[:-1]:
        uses = [use.start() for use in re.finditer(rf" = {name};\n", script)]
        assert uses
        assert script.index(f"const {name} = ") < min(uses), name


def test_a_module_that_cannot_be_joined_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_file, "_read", lambda _: "export default 3;\n")
    with pytest.raises(ValueError, match=r"a\.js has an import or export that cannot be joined"):
        one_file.joined(PurePosixPath("a.js"))
