"""The audit file leads from every value to its picture."""

import csv
import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from mnistry.forms import audit_file
from mnistry.forms.records import Decision
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from tests.forms import batches


def test_every_field_but_private_ones_has_a_row_and_a_picture(tmp_path: Path) -> None:
    form, target = batches.write_form(tmp_path), io.BytesIO()
    with Store(tmp_path / "batch") as store:
        batches.add(form, store, 7, batches.answers(station=batches.UNSURE))
        store.decide(1, key("station"), Decision("149", "149", who="eva"))
        assert audit_file.write(form, store, target) == 0
    with zipfile.ZipFile(target) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("values.csv").decode())))
        assert [row["field"] for row in rows] == ["station", "adults", "young", "total", "weather"]
        first = rows[0]
        assert [first[name] for name in ("serial", "value", "read", "decided", "by")] == [
            "7", "149", "?49", "typed", "eva",
        ]  # fmt: skip
        assert first["at"].startswith("20")
        assert rows[1]["decided"] == rows[1]["at"] == ""
        names = [row["picture"] for row in rows]
        assert sorted(archive.namelist()) == sorted(["values.csv", *names])
        for name in names:
            content = np.frombuffer(archive.read(name), np.uint8)
            picture = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE).astype(int)
            assert (abs(picture - batches.PRIVATE) < 8).mean() < 0.02
            assert (abs(picture - batches.OPEN) < 8).mean() > 0.2  # the field itself


def test_what_has_no_picture_any_more_is_counted(tmp_path: Path) -> None:
    form, target = batches.write_form(tmp_path), io.BytesIO()
    with Store(tmp_path / "batch") as store:
        batches.add(form, store, 7, batches.answers())
        store.forget()
        assert audit_file.write(form, store, target) == 5  # all 6 fields but the private one
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["values.csv"]
