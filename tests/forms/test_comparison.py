"""What was read is compared with what somebody typed."""

from pathlib import Path

import cv2

from mnistry.forms import comparison
from mnistry.forms.store import Store
from tests.forms import batches


def test_no_picture_of_a_difference_shows_a_private_field(tmp_path: Path) -> None:
    form = batches.write_form(tmp_path)
    with Store(tmp_path / "batch") as store:
        batches.add(form, store, 1, batches.answers())
        row = {"serial": "1", "station": "149", "patient": "776", "adults": "13"}
        found = comparison.compare(form, store, [row], "typed.csv")
        assert [one.at[2] for one in found.differences] == ["station", "patient", "adults"]
        comparison.write_pictures(form, store, found.differences)
    written = sorted((tmp_path / "batch" / "differences").iterdir())
    assert [path.name for path in written] == ["1.adults.png", "1.station.png"]
    for path in written:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(int)
        assert (abs(picture - batches.PRIVATE) < 8).mean() < 0.02
