"""``mnistry form digits``: labelled digits for ``mnistry teach``, cut out of filled forms."""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mnistry.cli import common, options
from mnistry.cli.form_read import open_batch, read_scans
from mnistry.cli.framework import Command
from mnistry.errors import DataError, UsageError, counted_noun

if TYPE_CHECKING:
    from mnistry.forms.definition import Form
    from mnistry.forms.labelled import LabelledDigit
    from mnistry.forms.store import Store
    from mnistry.reading import Reader


@click.command(cls=Command)
@click.argument("source", metavar="DIR|FORM.toml", type=options.PATH, help="A batch, or a form.")
@click.argument(
    "scans", metavar="[SCAN]…", nargs=-1, type=options.PATH, help="Scans, if a form is given."
)
@click.option(
    "--sheets",
    metavar="NUMBERS",
    help="Only the sheets with these serial numbers, such as 1,3-5.",
)
@options.output("FOLDER", "The folder to make: a subfolder for each digit.", required=True)
def digits(source: Path, scans: tuple[Path, ...], sheets: str | None, output: Path) -> None:
    """Cut labelled digits out of filled forms, for mnistry teach.

    A label is what a person decided in mnistry form review or audit, or the
    only digit that the form allows in the field, as on a class sheet. Digits
    that were only read have no label. Private fields are left out.
    """
    from mnistry.forms import labelled
    from mnistry.forms.reading import FormReader
    from mnistry.images.page_numbers import PageNumbers
    from mnistry.reading import Reader

    serials = None if sheets is None else PageNumbers.parse(sheets, "--sheets")
    if output.exists():
        raise UsageError("exists already", where=output, remedy="choose another name")
    if not output.parent.is_dir():
        raise UsageError("no such folder", where=output.parent, remedy="make it first")
    reader = Reader(threads=1)
    with _batch(source, scans, reader) as (store, form):
        chosen = None
        if serials is not None:
            known = [sheet.serial for sheet in store.sheets() if sheet.serial is not None]
            chosen = serials.among(max(known, default=0))
        found = labelled.labelled(FormReader(form, reader), store, chosen)
        if not found.digits:
            raise DataError(
                "no labelled digits", where=source,
                remedy="decide fields in mnistry form review, which is possible until mnistry "
                "form forget; or use a class sheet",
            )  # fmt: skip
        _write(found.digits, output)
    counts = Counter(one.digit for one in found.digits)
    common.say(f"wrote {output}: {counted_noun(len(found.digits), 'digit')}")
    missing = [digit for digit in "0123456789" if not counts[digit]]
    if missing:
        common.note(f"no examples of {', '.join(missing)}")
    if found.mismatched_fields:
        fields = counted_noun(found.mismatched_fields, "field")
        common.note(f"{fields} left out: what is written there is not one mark for each character")
    common.say(f"use them: mnistry teach {output} -o RUN")


@contextlib.contextmanager
def _batch(
    source: Path, scans: tuple[Path, ...], reader: "Reader"
) -> "Iterator[tuple[Store, Form]]":
    """Open a batch; or read scans into one that is deleted afterwards."""
    from mnistry.forms import loading
    from mnistry.forms.store import Store

    if source.is_dir():
        if scans:
            raise UsageError("a batch has its scans already", where=source, remedy="leave them out")
        store, form = open_batch(source)
        with store:
            yield store, form
        return
    form = loading.load(source)
    if not scans:
        raise UsageError("nothing to read", remedy="give scans of the form, or a batch's folder")
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "batch") as store:
        read_scans(form, store, scans, reader)
        for page in store.set_aside():
            common.say(f"{page.file}, page {page.number}: {page.problem}")
        yield store, form


def _write(found: "tuple[LabelledDigit, ...]", target: Path) -> None:
    """Write a PNG for each digit; the folder is there whole or not at all."""
    import cv2

    from mnistry.forms.output import file_name

    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        for one in found:
            serial = one.sheet.serial  # several sheets may have the same
            sheet = f"sheet{one.sheet.id}" + ("" if serial is None else f"-serial{serial}")
            path = folder / one.digit / f"{file_name(sheet, one.key)}.{one.number}.png"
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.write_bytes(cv2.imencode(".png", one.image)[1].tobytes())
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
