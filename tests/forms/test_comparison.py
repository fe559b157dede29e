"""What was read is compared with what somebody typed."""

from pathlib import Path

import cv2

from mnistry.forms import comparison, csv_file, output
from mnistry.forms.answers import OK, Answer
from mnistry.forms.loading import load
from mnistry.forms.records import NewPage
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.forms import batches


def test_no_picture_of_a_difference_shows_a_private_field(tmp_path: Path) -> None:
    form = batches.write_form(tmp_path)
    with Store(tmp_path / "batch") as store:
        batches.add(form, store, 1, batches.answers())
        row = {"serial": "1", "station": "149", "patient": "776", "adults": "13"}
        found = comparison.compare(form, store, [(2, row)], "typed.csv")
        assert [one.at[2] for one in found.differences] == ["station", "patient", "adults"]
        comparison.write_pictures(form, store, found.differences)
    written = sorted((tmp_path / "batch" / "differences").iterdir())
    assert [path.name for path in written] == ["1.adults.png", "1.station.png"]
    for path in written:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(int)
        assert (abs(picture - batches.PRIVATE) < 8).mean() < 0.02


def test_an_exported_table_agrees_with_its_own_batch(tmp_path: Path) -> None:
    path = tmp_path / "FORM.toml"
    path.write_text(
        'title = "T"\n[[field]]\nname = "sign"\ntype = "choice"\noptions = ["=1+1", "+ or -"]\n'
    )
    form = load(path)
    with Store(None) as store:
        for number, option in enumerate(form.fields[0].options, 1):
            answers = {key("sign"): Answer(option, option, 1.0, OK)}
            page = NewPage(1, 1, number, 0, answers, None, (), None, None)
            store.add_page(store.add_file(f"{number}.png", str(number)), page)
        sheets, *_ = output.tables(form, output.results(form, store))
        text = output.write_csv(sheets).decode()
        rows = csv_file.records(text, Path("typed.csv"))
        assert comparison.compare(form, store, rows, "typed.csv").differences == ()
