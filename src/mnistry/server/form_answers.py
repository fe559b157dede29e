"""Load the forms that the server reads, and read a page of one, for `mnistry.server.answers`."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mnistry.errors import DataError, UsageError
from mnistry.forms import loading, output, risk
from mnistry.forms.definition import Form
from mnistry.forms.reading import FormReader
from mnistry.forms.records import NewPage
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from mnistry.images.decode import Page
from mnistry.reading import Reader


def load(paths: Iterable[str], reader: Reader) -> dict[str, FormReader]:
    """Load forms; return their readers by the files' names without the ending.

    Raises
    ------
    DataError
        If one is wrong.
    UsageError
        If two have the same name, or a name cannot be part of a URL.
    """
    readers: dict[str, FormReader] = {}
    for path in map(Path, paths):
        if not re.fullmatch(r"[\w.-]+", path.stem):
            what, expected = "the form's name cannot be part of a URL", "letters, digits, _ - ."
            raise UsageError(what, where=path, expected=expected, remedy="rename the file")
        if path.stem in readers:
            what, remedy = f"two forms are called {path.stem}", "rename one of the files"
            raise UsageError(what, where=path, remedy=remedy)
        readers[path.stem] = FormReader(loading.load(path), reader)
    return readers


def read(reader: FormReader, page: Page) -> dict[str, Any]:
    """Read a page of a form: the fields on it, and what is wrong with them.

    Raises
    ------
    DataError
        If it is not recognised as a page of the form.
    """
    form, found = reader.form, reader.read(page.grey)
    if found.page is None:
        raise DataError(
            found.problem or "the page is not recognised",
            where="the image",
            expected=f"a page of {form.title}",
            remedy="send a whole page of this form",
        )
    with Store(None) as store:
        new = NewPage(
            number=1, page=found.page, serial=found.serial, turned=found.turned,
            answers=found.answers, problem=None, problems=found.problems, pattern=found.pattern,
            picture=None,
        )  # fmt: skip
        store.add_page(store.add_file("", ""), new)
        (sheet,) = risk.sheets(form, store)
        result = output.result(form, sheet, {found.page})  # each other page has its own answer
    assert result is not None  # noqa: S101 (for the type checker: its page is known)
    content: dict[str, Any] = json.loads(next(output.json_lines(form, [result])))
    return {
        "form": form.title,
        "form_page": found.page,
        "serial": found.serial,
        "turned": found.turned,
        "fields": _on_page(form, content["fields"], found.answers),
        "problems": content["problems"],
    }


def _on_page(form: Form, fields: dict[str, Any], here: Iterable[Any]) -> dict[str, Any]:
    """Return the fields and the rows of tables that are on the page that was read."""
    keys = set(here)
    found = {entry.name: fields[entry.name] for entry in form.fields if key(entry.name) in keys}
    for table in form.tables:
        rows = [
            row
            for number, row in enumerate(fields[table.name])
            if (table.name, number, table.columns[0].name) in keys
        ]
        if rows:
            found[table.name] = rows
    return found
