"""Older versions of a form: a batch remembers them, and shows their sheets as those of the newest.

Only forms that are printed have versions: their code says which.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mnistry.errors import DataError
from mnistry.forms import form_json, layout
from mnistry.forms.answers import EMPTY, Answer
from mnistry.forms.definition import Field, Form
from mnistry.forms.records import OlderVersion, Sheet
from mnistry.forms.rules import Key, keys_of, name_of
from mnistry.forms.store import Store

_FORM = "form"  # under this name `Store.meta` has the newest form
_REMEMBERED = "form "  # and under names with this beginning the others, each with its digest
_RULES = ("minimum", "maximum", "pattern", "required", "check", "listed", "none", "private")


def remember(store: Store, form: Form) -> None:
    """Let a batch remember a form as one of those that its sheets may be of."""
    _remember(store, form_json.dumps(form))


def _remember(store: Store, text: str) -> None:
    store.set_meta(_REMEMBERED + hashlib.sha256(text.encode()).hexdigest()[:16], text)


def keep(store: Store, form: Form) -> None:
    """Keep a form as the newest of a batch, which remembers the one that it had before."""
    text, before = form_json.dumps(form), store.meta(_FORM)
    if before is not None and before != text:
        _remember(store, before)
    store.set_meta(_FORM, text)


def older(store: Store, form: Form) -> dict[str, Form]:
    """Return the other versions of a form that a batch remembers.

    Their fields have the rules of the newest form: rules may change after sheets were printed.

    Raises
    ------
    DataError
        If one of them cannot be read.
    """
    newest = form.entries()
    found: dict[str, Form] = {}
    for text in store.metas(_REMEMBERED):
        try:
            one = form_json.loads(text)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                "a form that it remembers cannot be read", where=store.folder,
                remedy="read the scans into a new folder",
            ) from error  # fmt: skip
        is_printed = one.template is None and one.identity == form.identity
        if is_printed and one.version != form.version:
            found[one.version] = _with_rules(one, newest)
    return found


def _with_rules(form: Form, newest: Mapping[str, Field]) -> Form:
    def ruled(entry: Field, name: str) -> Field:
        new = newest.get(name)
        if new is None or new.type != entry.type:
            return entry
        return replace(entry, **{rule: getattr(new, rule) for rule in _RULES})

    return replace(
        form,
        fields=tuple(ruled(entry, entry.name) for entry in form.fields),
        tables=tuple(
            replace(
                table,
                columns=tuple(ruled(one, f"{table.name}.{one.name}") for one in table.columns),
            )
            for table in form.tables
        ),
    )


def as_newest(form: Form, store: Store, sheets: Sequence[Sheet]) -> list[Sheet]:
    """Return sheets with the fields of the newest form, also those of older versions.

    Fields that a version lacks are empty. Fields whose type has changed, and choices of options
    that are gone, are to be checked.
    """
    versions = older(store, form)
    known = {version: _described(form, one) for version, one in versions.items()}
    return [
        replace(
            sheet,
            answers=_answers(form, versions[sheet.paper], sheet.answers),
            older=known[sheet.paper],
        )
        if sheet.paper in versions
        else sheet
        for sheet in sheets
    ]


def _described(form: Form, version: Form) -> OlderVersion:
    pages = frozenset(page.number for page in layout.place(version).pages if page.places)
    lacks = tuple(name for name in form.entries() if name not in version.entries())
    return OlderVersion(version.version, pages, lacks)


def _answers(form: Form, version: Form, read: Mapping[Key, Answer]) -> dict[Key, Answer]:
    """Return what was read on a sheet of a version as answers to the newest form."""
    old, new, asked = version.entries(), form.entries(), set(keys_of(version))
    answers = dict(read)
    for at in keys_of(form):
        name = name_of(at)
        if at not in asked:
            answers[at] = Answer("", None, 1.0, EMPTY, f"not in version {version.version}")
        elif at in answers and answers[at].status != EMPTY:
            answer, entry = answers[at], new[name]
            if entry.type != old[name].type:
                why = f"in version {version.version} it was of type {old[name].type}"
            elif entry.type == "choice" and answer.value not in (None, *entry.options):
                why = "it is not one of the options"
            else:
                continue
            answers[at] = replace(answer.doubted(why), value=None)
    return answers
