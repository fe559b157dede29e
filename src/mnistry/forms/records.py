"""What a batch holds: pages, sheets, what was read, and what people decided. Knows no files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistry.forms.answers import Answer, Value
from mnistry.forms.definition import Form
from mnistry.forms.rules import Key

BLANK = "the page is blank"  # why it was not placed: nobody needs to look at it
SECOND = "second"  # how a decision of a second review was made


@dataclass(frozen=True)
class Page:
    """A page that was given, placed in a sheet or not.

    Attributes
    ----------
    file, number
        The path of its file, and which page of the file it is, from 1.
    page
        Which page of the form it is, from 1; None if it was not placed.
    problem
        Why it was not placed; None if it was.
    problems
        Other problems that a person should know of.
    turned
        Degrees clockwise by which the scan was turned: 0, 90, 180 or 270.
    is_double
        Whether it is another scan of a page that the batch has already.
    picture
        The name of its picture in the batch; None if there is none.
    is_foreign
        Whether a person says that it is no page of the form.
    paper
        What is printed where, as `mnistry.forms.definition.Form.paper` of the form that it was read
        by; None if that is not known.
    """

    file: str
    number: int
    page: int | None
    problem: str | None
    problems: tuple[str, ...]
    turned: int
    is_double: bool
    picture: str | None
    is_foreign: bool = False
    paper: str | None = None

    @property
    def is_blank(self) -> bool:
        """Whether nothing is on it, as on the back of a sheet."""
        return self.problem == BLANK


@dataclass(frozen=True)
class Unplaced:
    """A page in no sheet, of which no person has said anything yet.

    Attributes
    ----------
    id
        Its number in the batch.
    file, sha256
        The file's number, and its digest.
    path
        The file's path.
    page
        The page.
    """

    id: int
    file: int
    sha256: str
    path: Path
    page: Page


@dataclass(frozen=True)
class Decision:
    """What a person says is written in a field.

    Attributes
    ----------
    text
        As it was typed or confirmed.
    value
        What it means; see `mnistry.forms.answers.Answer`.
    problem
        Why the value is missing or incomplete; None if it is neither.
    how
        ``"typed"``, or ``"confirmed"`` if the reading was shown and accepted, or ``"second"`` in a
        second review.
    who
        The person.
    at
        When, in seconds since 1970; 0 until the batch has stored it.
    """

    text: str
    value: Value
    problem: str | None = None
    how: str = "typed"
    who: str = ""
    at: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Drawn:
    """A field that was drawn for an audit.

    Attributes
    ----------
    read
        What was read.
    typed, at
        What a person typed, None before; and when, in seconds since 1970.
    """

    id: int
    sheet: int
    key: Key
    read: Value
    typed: Decision | None
    at: float

    @property
    def differs(self) -> bool:
        """Whether a person typed something else than was read."""
        typed = self.typed
        return typed is not None and typed.problem is None and typed.value != self.read


@dataclass(frozen=True)
class OlderVersion:
    """What is known of a sheet's form, if it is an older version; see `mnistry.forms.versions`.

    Attributes
    ----------
    version
        Its version.
    pages
        The numbers of its pages that have fields.
    lacks
        The names of fields that it lacks, and of columns as ``table.column``.
    """

    version: str
    pages: frozenset[int]
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A sheet: its pages, what the machine read, and the latest decision about each field.

    Attributes
    ----------
    disputed
        The fields for which another value was typed in an audit.
    differing
        The fields for which another value was typed in a second review, until a third person
        decides.
    deciders
        Who decided about each field; of one in `differing`, both persons.
    older
        Its version, if that is an older one.
    """

    id: int
    serial: int | None
    pages: tuple[Page, ...]
    answers: dict[Key, Answer]
    decisions: dict[Key, Decision]
    disputed: frozenset[Key] = frozenset()
    differing: frozenset[Key] = frozenset()
    deciders: dict[Key, frozenset[str]] = field(default_factory=dict)
    older: OlderVersion | None = None

    @property
    def paper(self) -> str | None:
        """What is printed where on its pages; see `Page.paper`."""
        return next((page.paper for page in self.pages if page.paper is not None), None)

    def is_printed_as(self, form: Form) -> bool:
        """Whether its boxes are where this version of the form has them."""
        return self.paper in (None, form.paper)


@dataclass(frozen=True, eq=False)
class NewPage:
    """A page to be added; see `mnistry.forms.reading.PageReading`."""

    number: int
    page: int | None
    serial: int | None
    turned: int
    answers: dict[Key, Answer]
    problem: str | None
    problems: tuple[str, ...]
    pattern: NDArray[np.uint8] | None
    picture: bytes | None
    lines: tuple[tuple[bool, float], ...] = ()
    paper: str | None = None


def with_decisions(sheet: Sheet, decided: Mapping[Key, Sequence[Decision]]) -> Sheet:
    """Return a sheet whose decisions about some fields are replaced.

    A field's decisions are in the order in which they were made, and the latest counts. Only a
    decision from a second review replaces none, but is compared with the one before. If they
    differ, the field is listed in `differing`: callers ignore both until a third person decides.
    """
    decisions, deciders, differing = (
        dict(sheet.decisions),
        dict(sheet.deciders),
        set(sheet.differing),
    )
    for key, in_order in decided.items():
        decisions.pop(key, None)
        deciders.pop(key, None)
        differing.discard(key)
        for decision in in_order:
            if decision.how != SECOND:
                decisions[key], deciders[key] = decision, frozenset({decision.who})
                differing.discard(key)
            elif key in decisions:
                first = decisions[key]
                deciders[key] |= {decision.who}
                if (decision.value, decision.problem) != (first.value, first.problem):
                    differing.add(key)
    return replace(sheet, decisions=decisions, deciders=deciders, differing=frozenset(differing))
