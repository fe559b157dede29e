"""What a form asks for: its fields, tables and rules.

`mnistry.forms.loading` makes a `Form` from FORM.toml, `mnistry.forms.layout` says where its boxes
lie on paper.
"""

import datetime
import functools
import hashlib
import json
import os
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from mnistry.forms import checks

# Part of every form's version: increase it when `mnistry.forms.layout` places boxes differently, so
# that sheets which were printed before are refused, not read at wrong places.
_LAYOUT = 1

INCH = 25.4  # millimetres
POINT = INCH / 72
# A4 and US letter, upright, in millimetres.
PAGES = {"A4": (210.0, 297.0), "letter": (215.9, 279.4)}
CELL = (6.0, 8.0)  # the width and height of a printed box, unless FORM.toml says otherwise

Bound = Decimal | datetime.date | datetime.time


@dataclass(frozen=True)
class Box:
    """A rectangle on a page, in millimetres from the page's top left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The x of its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The y of its lower edge."""
        return self.y + self.height

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Its x, y, width and height."""
        return self.x, self.y, self.width, self.height

    def divided(self, count: int) -> tuple["Box", ...]:
        """Return `count` equal boxes side by side.

        Examples
        --------
        >>> [box.x for box in Box(10, 5, 18, 8).divided(3)]
        [10.0, 16.0, 22.0]
        """
        width = self.width / count
        return tuple(Box(self.x + n * width, self.y, width, self.height) for n in range(count))

    def overlap(self, other: "Box") -> float:
        """Return by how much two boxes overlap, in millimetres; negative if they lie apart.

        Examples
        --------
        >>> Box(0, 0, 6, 8).overlap(Box(5, 0, 6, 8)), Box(0, 0, 6, 8).overlap(Box(8, 0, 6, 8))
        (1, -2)
        """
        across = min(self.right, other.right) - max(self.x, other.x)
        down = min(self.bottom, other.bottom) - max(self.y, other.y)
        return min(across, down)


@dataclass(frozen=True)
class Field:
    """A field of a form, or a column of a table.

    Attributes
    ----------
    name, label
        The column's name in the result, and what is printed.
    type
        One of `mnistry.forms.keys.TYPES`.
    line
        Its line in FORM.toml.
    length
        The number of boxes for characters, including decimals; a minus sign takes one too.
        0 for a choice, a tick, and where people write freely. For a text it is the width, in boxes.
    decimals
        How many of the boxes lie after the printed point.
    page, box, boxes
        Where the field is, if the form has a template: either the `box` of the whole field, or
        `boxes`: one for each option of a choice, or for each character. A column has no `box`; it
        may have the `boxes` of its first row.
    cells
        With a template: the number of boxes that `box` is divided into; 0: people write freely.
    width
        With a template: a column's width in millimetres; None: it shares the rest of the table.
    options
        The answers of a choice.
    minimum, maximum
        Inclusive; a date or a time for fields of these types.
    pattern
        A regular expression; see `matches`.
    required
        Whether an empty field is a problem.
    check
        The name of a check of python-stdnum; see `has_right_check_digit`.
    format
        Of a date or a time: ``"DD.MM.YYYY"``.
    listed
        The only right values, in NFKC form; None if there is no list.
    none
        What is written where there is no value.
    private
        Whether no audit file, comparison or digit folder has a picture of the field, and pictures
        of other fields hide it.
    """

    name: str
    label: str
    type: str
    line: int = field(default=0, compare=False, repr=False)
    length: int = 0
    decimals: int = 0
    page: int = 1
    box: Box | None = None
    boxes: tuple[Box, ...] = ()
    cells: int = 0
    width: float | None = None
    options: tuple[str, ...] = ()
    minimum: Bound | None = None
    maximum: Bound | None = None
    pattern: str | None = None
    required: bool = False
    check: str | None = None
    format: str | None = None
    listed: tuple[str, ...] | None = None
    none: str | None = None
    private: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of a date or a time in their order.

        Separators are parts too; they are printed and have no box.

        Examples
        --------
        >>> Field("day", "Day", "date", format="DD.MM.YYYY").parts
        ('DD', '.', 'MM', '.', 'YYYY')
        """
        return tuple(re.findall(r"Y+|M+|D+|H+|S+|[^A-Z]", self.format or ""))

    @property
    def is_read(self) -> bool:
        """Whether its characters are read; those of ticks, choices and texts are not.

        Examples
        --------
        >>> Field("day", "Day", "date").is_read, Field("note", "Note", "text").is_read
        (True, False)
        """
        return self.type not in ("tick", "choice", "text")

    @property
    def known_digit(self) -> str | None:
        """The only digit that the field's pattern allows; None if it allows others.

        Examples
        --------
        >>> Field("seven", "7", "digits", pattern="7*").known_digit
        '7'
        """
        found = re.fullmatch(r"([0-9])([*+]|\{[0-9]+\}|\1*)", self.pattern or "")
        return None if found is None else found[1]

    def matches(self, text: str) -> bool:
        """Whether the whole of a text, in NFKC form, matches the pattern; true without one."""
        return self.pattern is None or checks.compiled(self.pattern).fullmatch(text) is not None

    def has_right_check_digit(self, text: str) -> bool:
        """Whether a text, in NFKC form, passes the check; true without one."""
        return self.check is None or checks.has_right_check_digit(self.check, text)


@dataclass(frozen=True)
class Table:
    """Rows that all have the same fields.

    Attributes
    ----------
    line
        Its line in FORM.toml.
    rows
        Their number.
    columns
        A field for each.
    page, box
        Where all rows are, without the headings, if the form has a template.
    """

    name: str
    label: str
    rows: int
    columns: tuple[Field, ...]
    line: int = field(default=0, compare=False, repr=False)
    page: int = 1
    box: Box | None = None


@dataclass(frozen=True)
class Rule:
    """What must hold between fields.

    A name is a field's, or ``table.column``. A rule about columns of only one table holds in each
    of its rows; a sum that equals a field outside of the table adds up all rows.

    Attributes
    ----------
    kind
        ``"sum"``: the numbers add up to `equals`. ``"before"``, ``"less"``: each is earlier, or
        less, than the next. ``"unique"``: together they are a value that no other sheet has, or no
        other row; ``"serial"`` is the sheet's number.
    names
        The fields.
    equals
        The field that has the sum.
    line
        Its line in FORM.toml.
    """

    kind: str
    names: tuple[str, ...]
    equals: str | None = None
    line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Form:
    """A form.

    Attributes
    ----------
    path
        Of its FORM.toml.
    size
        A page's width and height in millimetres; of a template, its first page's.
    template
        The blank paper that exists already; None for a form that is printed.
    template_digest, template_pages
        The SHA-256 of the template, in hexadecimal, and the number of its pages.
    note
        What is printed under the title.
    font
        A font file for all texts; None: `mnistry.forms.fonts` chooses one.
    cell
        The width and height in millimetres of a printed box.
    """

    path: Path
    title: str
    size: tuple[float, float]
    fields: tuple[Field, ...]
    tables: tuple[Table, ...] = ()
    rules: tuple[Rule, ...] = ()
    template: Path | None = None
    template_digest: str | None = None
    template_pages: int = 0
    note: str | None = None
    font: Path | None = None
    cell: tuple[float, float] = CELL

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Form":
        r"""Read FORM.toml; see `mnistry.forms.loading.load`.

        Examples
        --------
        >>> path = Path(getfixture("tmp_path")) / "FORM.toml"
        >>> text = '[[field]]\nname = "count"\ntype = "integer"\nmax = 99'
        >>> _ = path.write_text('title = "Catch"\n' + text)
        >>> Form.load(path).fields[0].length
        2
        """
        from mnistry.forms import loading

        return loading.load(Path(path))

    @functools.cached_property
    def version(self) -> str:
        """Eight hex digits that change with where boxes are printed and what is written in them.

        Titles and labels are part of it, because they move boxes. Rules (the least and greatest
        value, pattern, check, list, what is required or private, and what holds between fields) are
        not: they may change after sheets were printed.
        """
        page = (self.title, self.size, self.note, self.cell, self.template_digest)
        fields = [_meaning(one) for one in self.fields]
        tables = [
            (
                *(table.name, table.label, table.rows, table.page, table.box and table.box.edges),
                *map(_meaning, table.columns),
            )
            for table in self.tables
        ]
        return _digest(json.dumps((_LAYOUT, page, fields, tables)))[:8]

    @property
    def paper(self) -> str:
        """A digest that changes when print moves on the paper: of the template, or the version."""
        return self.template_digest or self.version

    @property
    def identity(self) -> str:
        """Six hex digits of the title, the same for all versions of a form."""
        return _digest(self.title)[:6]

    def entries(self) -> dict[str, Field]:
        """Return all fields by their names, then all columns by ``table.column``."""
        columns = {
            f"{table.name}.{one.name}": one for table in self.tables for one in table.columns
        }
        return {one.name: one for one in self.fields} | columns


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _meaning(one: Field) -> tuple[Any, ...]:
    return (
        *(
            one.name,
            one.label,
            one.type,
            one.length,
            one.decimals,
            one.page,
            one.box and one.box.edges,
        ),
        *([box.edges for box in one.boxes], one.cells, one.width, one.options, one.format),
    )
