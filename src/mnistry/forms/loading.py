"""Read FORM.toml, and report its mistakes with their lines."""

import codecs
import dataclasses
import datetime
import difflib
import hashlib
import itertools
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, cast

from mnistry.errors import DataError
from mnistry.forms import checks, csv_file, keys, toml_lines
from mnistry.forms.definition import CELL, INCH, PAGES, Bound, Box, Field, Form, Rule, Table
from mnistry.images import decode

MAX_BYTES = 200_000  # of FORM.toml
MAX_LIST_BYTES = 5_000_000  # of a CSV file that lists values
MAX_TEMPLATE_BYTES = 60_000_000
MAX_BOXES = 20_000  # of all pages together
_LEAST_HEIGHT = 5.0  # of a printed box, in millimetres
# Columns that the result has besides the fields.
RESERVED = ("error", "file", "form", "page", "problems", "row", "serial")
_KEYS_OF_ROWS = ("file", "page", "row", "serial")  # those that a table's rows have
# The parts that a date or a time must have, in any order: one of these sets.
_ORDERS = {
    "date": (Counter(["YYYY", "MM", "DD"]), Counter(["YY", "MM", "DD"])),
    "time": (Counter(["HH", "MM"]), Counter(["HH", "MM", "SS"])),
}
_SEPARATORS = set("-/. :")
_CHARACTERS = set("0123456789-+.,/:")  # those that can be read
SLACK = 0.5  # millimetres by which a template's boxes may overlap or leave the page
SHAPE_TOLERANCE = 0.03  # by which a picture's proportions may differ from its paper's
UNKNOWN_SIZE = "a picture without a resolution, so the size of its paper is not known"

# The keys that each type has besides those that all have.
_KEYS: dict[str, set[str]] = {
    "digits": {"length", "cells", "boxes", "pattern", "check", "in", "none"},
    "integer": {"length", "cells", "boxes", "min", "max", "none"},
    "decimal": {"length", "cells", "boxes", "decimals", "min", "max", "none"},
    "date": {"cells", "boxes", "format", "min", "max", "none"},
    "time": {"cells", "boxes", "format", "min", "max", "none"},
    "choice": {"options", "boxes"},
    "tick": {"boxes"},
    "text": {"length", "boxes"},
}
_OF_SOME_TYPES: set[str] = set().union(*_KEYS.values())
_TEMPLATE_KEYS = ("page", "box", "boxes", "cells", "width")
_BOUNDS: dict[str, tuple[Any, str]] = {
    "integer": (int, "a whole number"),
    "decimal": ((int, Decimal), "a number"),
    "date": (datetime.date, "a date without quotes: 2026-01-31"),
    "time": (datetime.time, "a time without quotes: 08:30:00"),
}
_RULE_TYPES = {
    "sum": ("integer", "decimal"),
    "less": ("integer", "decimal"),
    "before": ("date", "time"),
}

Where = toml_lines.Path
Made = TypeVar("Made")


def load(path: Path) -> Form:
    """Read FORM.toml.

    Parameters
    ----------
    path
        The file. Those that it names are looked for beside it.

    Raises
    ------
    DataError
        If anything in it is wrong. The message has the first mistake, its line, what was expected
        and a remedy, and the lines of the other mistakes.
    """
    text = read_text(path, MAX_BYTES)
    return _Loader(path, text, toml_lines.parse(text, str(path))).load()


class _FieldError(Exception):
    """A mistake in a value; the next field is still checked."""

    def __init__(
        self, at: Where, what: str, expected: str | None = None, remedy: str | None = None
    ) -> None:
        self.mistake = keys.Mistake(at, what, expected, remedy)


class _Loader:
    """Makes a `Form` from FORM.toml's values, and collects their mistakes."""

    def __init__(self, path: Path, text: str, values: dict[str, Any]) -> None:
        self._path, self._values = path, values
        self._lines = toml_lines.Lines(text, str(path))
        self._has_template = "template" in values
        self._mistakes: list[keys.Mistake] = []

    def load(self) -> Form:
        """Return the form; each step is taken only if those before found no mistake."""
        self._mistakes += keys.mistakes(self._values, keys.schema())
        self._raise_mistakes()
        form = self._try(self._page)
        fields = [self._try(self._field, at, one) for at, one in self._each("field")]
        tables = [self._try(self._table, at, one) for at, one in self._each("table")]
        self._raise_mistakes()
        form = dataclasses.replace(
            cast(Form, form),
            fields=tuple(one for one in fields if one is not None),
            tables=tuple(one for one in tables if one is not None),
        )
        self._check_names(form)
        self._check_size(form)
        if form.template is not None:
            self._check_places(form)
        rules = [self._try(self._rule, at, one, form) for at, one in self._each("rule")]
        self._raise_mistakes()
        return dataclasses.replace(form, rules=tuple(rule for rule in rules if rule is not None))

    def _each(self, key: str) -> Iterator[tuple[Where, dict[str, Any]]]:
        for number, values in enumerate(self._values.get(key, [])):
            yield (key, number), values

    def _try(self, make: Callable[..., Made], *arguments: Any) -> Made | None:
        try:
            return make(*arguments)
        except _FieldError as error:
            self._mistakes.append(error.mistake)
            return None

    def _note(self, *mistake: Any) -> None:
        self._mistakes.append(keys.Mistake(*mistake))

    def _raise_mistakes(self) -> None:
        if not self._mistakes:
            return
        found = [(self._lines.of(one.at), one) for one in self._mistakes]
        (line, first), *others = sorted(found, key=lambda one: one[0])
        more = list(dict.fromkeys(str(line) for line, _ in others))
        also = ""
        if more:
            many = "there is one more on line" if len(more) == 1 else "there are more on lines"
            also = f"{many} {', '.join(more)}"
        told = [first.remedy or "", also]
        raise DataError(
            first.what,
            where=f"{self._path}, line {line}",
            expected=first.expected,
            remedy="; ".join(filter(None, told)) or None,
        )

    # The page.

    def _page(self) -> Form:
        values = self._values
        width, height = map(float, values.get("cell", CELL))
        if height < _LEAST_HEIGHT:
            expected = f"a height of at least {_LEAST_HEIGHT:g} mm"
            raise _FieldError(("cell",), f"boxes that are {height:g} mm high", expected)
        paper = PAGES[values.get("page", "A4")]
        form = Form(
            self._path,
            values["title"],
            paper[::-1] if values.get("landscape") else paper,
            (),
            note=values.get("note"),
            font=self._file("font"),
            cell=(width, height),
        )
        template = self._file("template")
        if template is None:
            return form
        for key in ("note", "font", "cell"):
            if key in values:
                remedy = "remove it: it is for a form that is printed"
                raise _FieldError((key,), f"{key} beside a template", None, remedy)
        try:
            digest = hashlib.sha256(_read(template, MAX_TEMPLATE_BYTES)).hexdigest()
            size, pages = _measure(template, form.size if "page" in values else None)
        except DataError as error:
            raise _file_error(("template",), error) from error
        return dataclasses.replace(
            form, size=size, template=template, template_digest=digest, template_pages=pages
        )

    def _file(self, key: str) -> Path | None:
        """Return the path of a file that a key names."""
        if key not in self._values:
            return None
        path = self._path.parent / str(self._values[key])
        if not path.is_file():
            raise _FieldError((key,), f"there is no file {path}", None, "correct the name")
        return path

    # Fields and tables.

    def _field(self, at: Where, values: dict[str, Any], in_table: bool = False) -> Field:
        kind = values["type"]
        self._check_keys(at, values, in_table)
        field = Field(
            name=values["name"],
            label=values.get("label", values["name"].replace("_", " ")),
            type=kind,
            line=self._lines.of((*at, "name")),
            decimals=values.get("decimals", 0),
            page=values.get("page", 1),
            box=_box(values.get("box")),
            boxes=tuple(Box(*map(float, edges)) for edges in values.get("boxes", ())),
            cells=values.get("cells", 0),
            width=None if "width" not in values else float(values["width"]),
            options=tuple(values.get("options", ())),
            pattern=self._pattern(at, values),
            required=values.get("required", False),
            check=self._check(at, values),
            format=self._format(at, values),
            listed=self._listed(at, values),
            none=values.get("none"),
            private=values.get("private", False),
        )
        least, most = self._bounds(at, values, field)
        field = dataclasses.replace(field, minimum=least, maximum=most)
        self._check_options(at, field)
        field = dataclasses.replace(field, length=self._length(at, values, field))
        self._check_fit(at, field)
        return field

    def _check_keys(self, at: Where, values: dict[str, Any], in_table: bool) -> None:
        kind = values["type"]
        for key in values:
            if key in _OF_SOME_TYPES and key not in _KEYS[kind]:
                kinds = [f'"{one}"' for one in keys.TYPES if key in _KEYS[one]]
                remedy = f"remove it; {key} is for {', '.join(kinds)}"
                raise _FieldError((*at, key), f'{key} in a field of type "{kind}"', None, remedy)
        self._check_template_keys(at, values, in_table)

    def _check_template_keys(self, at: Where, values: dict[str, Any], in_table: bool) -> None:
        """Check the keys that place a field on a template."""
        given = [key for key in _TEMPLATE_KEYS if key in values]
        if not self._has_template:
            for key in given:
                remedy = 'remove it, or name the paper: template = "blank.pdf"'
                raise _FieldError((*at, key), f"{key} without a template", None, remedy)
        elif in_table:
            if values["type"] == "choice" and "boxes" not in values:
                raise _FieldError(at, '"boxes" is missing', None, "add a box for each option")
        else:
            needed = "boxes" if values.get("type") == "choice" else "box"
            if needed not in values and "boxes" not in values:
                remedy = f"add {needed} = […], in millimetres from the page's top left corner"
                raise _FieldError(at, f'"{needed}" is missing', None, remedy)
            for key in ("box", "cells"):
                if key in values and "boxes" in values:
                    raise _FieldError((*at, key), f"{key} beside boxes", None, "keep one of them")

    def _pattern(self, at: Where, values: dict[str, Any]) -> str | None:
        pattern: str | None = values.get("pattern")
        if pattern is not None:
            try:
                checks.compiled(pattern)
            except ValueError as error:
                expected = "a regular expression of RE2, which looks neither back nor ahead"
                raise _FieldError((*at, "pattern"), f"pattern: {error}", expected) from None
        return pattern

    def _check(self, at: Where, values: dict[str, Any]) -> str | None:
        name: str | None = values.get("check")
        if name is not None and name not in checks.check_names():
            near = difflib.get_close_matches(name, sorted(checks.check_names()), 3)
            expected = ", ".join(near or ["luhn", "verhoeff", "ean", "isbn"])
            what = f'check = "{name}" is not a module of python-stdnum'
            raise _FieldError((*at, "check"), what, f"its name, such as {expected}")
        return name

    def _format(self, at: Where, values: dict[str, Any]) -> str | None:
        kind, order = values["type"], values.get("format")
        if order is None:
            if kind != "date":
                return "HH:MM" if kind == "time" else None
            remedy = 'add format = "DD.MM.YYYY", in the order of the boxes'
            raise _FieldError(at, "a date needs a format", None, remedy)
        parts = Field("", "", kind, format=order).parts
        letters = Counter(part for part in parts if part.isalpha())
        separators = [part for part in parts if not part.isalpha()]
        is_alternating = all(a.isalpha() or b.isalpha() for a, b in itertools.pairwise(parts))
        is_right = letters in _ORDERS[kind] and set(separators) <= _SEPARATORS and is_alternating
        if not is_right or not (parts[0].isalpha() and parts[-1].isalpha()):
            expected = {
                "date": "YYYY or YY, MM and DD in any order, such as DD.MM.YYYY",
                "time": "HH:MM or HH:MM:SS",
            }[kind]
            raise _FieldError((*at, "format"), f'format = "{order}"', expected)
        return str(order)

    def _listed(self, at: Where, values: dict[str, Any]) -> tuple[str, ...] | None:
        if "in" not in values:
            return None
        path = self._path.parent / values["in"]
        try:
            listed = _column(path, values["name"])
        except DataError as error:
            raise _file_error((*at, "in"), error) from error
        for line, value in listed:
            if not (value.isascii() and value.isdigit()):
                what = f"{path}, line {line}: other characters than digits"
                raise _FieldError((*at, "in"), what, "the values that may be written, a row each")
        return tuple(value for _, value in listed)

    def _bounds(
        self, at: Where, values: dict[str, Any], field: Field
    ) -> tuple[Bound | None, Bound | None]:
        """Return the least and the greatest value."""
        found: list[Any] = []
        for key in ("min", "max"):
            value = values.get(key)
            if value is not None:
                kind, expected = _BOUNDS[field.type]
                if not isinstance(value, kind) or isinstance(value, datetime.datetime):
                    raise _FieldError((*at, key), f"{key} = {value}", expected)
            found.append(Decimal(value) if isinstance(value, int) else value)
        least, most = found
        if least is not None and most is not None and least > most:
            raise _FieldError((*at, "min"), f"min = {least} is more than max = {most}")
        return least, most

    def _check_options(self, at: Where, field: Field) -> None:
        if field.type == "choice":
            if not field.options:
                remedy = 'add options = ["yes", "no"]'
                raise _FieldError(at, '"options" is missing', None, remedy)
            twice = _twice(field.options)
            if twice is not None:
                raise _FieldError((*at, "options"), f'"{twice}" occurs twice in options')
            if field.boxes and len(field.boxes) != len(field.options):
                what = f"{len(field.boxes)} boxes for {len(field.options)} options"
                raise _FieldError((*at, "boxes"), what, "a box for each")
        elif field.type in ("tick", "text") and len(field.boxes) > 1:
            raise _FieldError((*at, "boxes"), f"{len(field.boxes)} boxes", "one")
        if field.none is not None and not set(field.none) <= _CHARACTERS:
            raise _FieldError((*at, "none"), f'none = "{field.none}"', "digits or - + . , / :")

    def _length(self, at: Where, values: dict[str, Any], field: Field) -> int:
        """Return the number of boxes: as it is given, or as many as the values need.

        On a template it is the number of cells; in a single box people write freely, and it is the
        length that is given, or 0.
        """
        if field.type in ("choice", "tick"):
            return 0
        length: int = values.get("length", 0)
        needed = _needed(field)
        if field.format:
            length = needed
        if self._has_template:
            cells = field.cells or len(field.boxes)
            key = "cells" if field.cells else "boxes"
            if cells and length not in (0, cells) and (cells > 1 or field.type != "text"):
                raise _FieldError((*at, key), f"{cells} boxes for {length} characters")
            return int(cells if cells > 1 else length)
        if length or needed or field.type == "text":
            return int(length or needed)
        wanted = "length" if field.type == "digits" else "length, or max"
        raise _FieldError(at, '"length" is missing', None, f"add {wanted}: the number of boxes")

    def _check_fit(self, at: Where, field: Field) -> None:
        """Check that decimals, bounds, listed values and `none` fit in the boxes."""
        if not field.length or field.type == "text":
            return
        if field.type == "decimal":
            if not field.decimals:
                remedy = "add decimals: how many boxes are after the printed point"
                raise _FieldError(at, '"decimals" is missing', None, remedy)
            if field.decimals >= field.length:
                what = f"{field.decimals} decimals in {field.length} boxes"
                raise _FieldError((*at, "decimals"), what, f"at most {field.length - 1}")
        for key, bound in (("min", field.minimum), ("max", field.maximum)):
            if isinstance(bound, Decimal) and _digits(bound, field.decimals) > field.length:
                what = f"{key} = {bound} does not fit in {field.length} boxes"
                raise _FieldError((*at, key), what, None, "change it, or the length")
        longest = max(map(len, field.listed or ()), default=0)
        if longest > field.length:
            what = f"a value with {longest} digits for {field.length} boxes"
            raise _FieldError((*at, "in"), what, None, "add boxes, or correct the list")
        if field.none is not None and len(field.none) > field.length:
            raise _FieldError((*at, "none"), f"none does not fit in {field.length} boxes")

    def _table(self, at: Where, values: dict[str, Any]) -> Table:
        self._check_template_keys(at, values, in_table=False)
        columns = [
            self._field((*at, "columns", number), column, in_table=True)
            for number, column in enumerate(values["columns"])
        ]
        table = Table(
            name=values["name"],
            label=values.get("label", values["name"].replace("_", " ")),
            rows=values["rows"],
            columns=tuple(columns),
            line=self._lines.of((*at, "name")),
            page=values.get("page", 1),
            box=_box(values.get("box")),
        )
        twice = _twice([_folded(column.name) for column in columns])
        if twice is not None:
            raise _FieldError((*at, "columns"), f'two columns have the name "{twice}"')
        for number, column in enumerate(columns):
            if _folded(column.name) in _KEYS_OF_ROWS:
                what = f'"{column.name}" is a column that the rows of every table have'
                raise _FieldError(
                    (*at, "columns", number, "name"), what, None, "choose another one"
                )
        if table.box is not None:
            self._check_widths(at, table, table.box)
        return table

    def _check_widths(self, at: Where, table: Table, box: Box) -> None:
        if any(column.boxes for column in table.columns):
            self._check_first_row(at, table, box)
            return
        given = [column.width for column in table.columns if column.width is not None]
        free = len(table.columns) - len(given)
        rest = box.width - sum(given)
        if rest < -SLACK or (free and rest / free < 1) or (not free and rest > SLACK):
            what = f"the columns' widths are {sum(given):g} mm in a box of {box.width:g} mm"
            raise _FieldError((*at, "columns"), what, "columns that fill it")

    def _check_first_row(self, at: Where, table: Table, box: Box) -> None:
        for number, column in enumerate(table.columns):
            where = (*at, "columns", number)
            if not column.boxes:
                remedy = "add boxes to every column of the table, or to none"
                raise _FieldError(where, f'"boxes" is missing in "{column.name}"', None, remedy)
            # The overlap of two boxes is a length: of a box within the table's, its shorter side.
            if any(one.overlap(box) < min(one.width, one.height) - SLACK for one in column.boxes):
                what = f'a box of "{column.name}" that is not in the table\'s box'
                raise _FieldError(where, what, "the boxes of the first row")

    # What concerns several fields.

    def _check_names(self, form: Form) -> None:
        known: set[str] = set()
        places = [*_places("field", form.fields), *_places("table", form.tables)]
        for at, one in places:
            if _folded(one.name) in known:
                what = f'the name "{one.name}" is used before'
                self._note((*at, "name"), what, None, "choose another one")
            if _folded(one.name) in RESERVED:
                reserved = ", ".join(RESERVED)
                what = f'"{one.name}" is a column that every result has'
                remedy = f"choose another name; these are taken: {reserved}"
                self._note((*at, "name"), what, None, remedy)
            if isinstance(one, Table) and _folded(one.name) == "codebook":
                what = f'"{one.name}" is a table that every result has'
                self._note((*at, "name"), what, None, "choose another one")
            known.add(_folded(one.name))
        if not places:
            self._note((), "a form without fields", None, "add one, beginning with [[field]]")

    def _check_size(self, form: Form) -> None:
        boxes = 0
        for at, one in (*_places("field", form.fields), *_places("table", form.tables)):
            if isinstance(one, Table):
                boxes += one.rows * sum(_count(column) for column in one.columns)
            else:
                boxes += _count(one)
            if boxes > MAX_BOXES:
                what = f"{boxes:,} boxes up to here"
                remedy = "use fewer rows or fields"
                self._note((*at, "name"), what, f"at most {MAX_BOXES:,}", remedy)
                return

    def _check_places(self, form: Form) -> None:
        """Check that the boxes of a template lie on its pages, and not over each other."""
        page = Box(0, 0, *form.size)
        before: list[tuple[int, Box, str]] = []
        for at, one in (*_places("field", form.fields), *_places("table", form.tables)):
            if one.page > form.template_pages:
                what = f"page {one.page} of a template with {form.template_pages}"
                self._note((*at, "page"), what)
            boxes = one.boxes if isinstance(one, Field) else ()
            key = "boxes" if boxes else "box"
            for box in boxes or ((one.box,) if one.box else ()):
                if min(box.width, box.height) < 1:
                    self._note((*at, key), "a box narrower than 1 mm", "millimetres")
                outside = max(-box.x, -box.y, box.right - page.right, box.bottom - page.bottom)
                if outside > SLACK:
                    what = f"a box that is {outside:.1f} mm outside of its page"
                    size = f"{page.width:.0f} by {page.height:.0f} mm"
                    self._note((*at, key), what, f"a place on {size}")
                for number, other, name in before:
                    if number == one.page and box.overlap(other) > SLACK:
                        what = f'a box that overlaps one of "{name}"'
                        self._note((*at, key), what, "boxes that lie apart")
                        break
                before.append((one.page, box, one.name))

    def _rule(self, at: Where, values: dict[str, Any], form: Form) -> Rule:
        kinds = [kind for kind in keys.RULE if kind in values and kind != "equals"]
        if len(kinds) != 1:
            wanted = "one of sum, before, less and unique"
            what = f"a rule of {' and '.join(kinds)}" if kinds else "an empty rule"
            raise _FieldError(at, what, wanted, "write a [[rule]] for each" if kinds else None)
        kind, entries = kinds[0], form.entries()
        rule = Rule(kind, tuple(values[kind]), values.get("equals"), self._lines.of((*at, kind)))
        if (kind == "sum") != (rule.equals is not None):
            remedy = 'add equals = "…"' if kind == "sum" else "remove equals"
            raise _FieldError(at, "a sum equals a field, and no other rule does", None, remedy)
        for key, name in [(kind, one) for one in rule.names] + [("equals", rule.equals)]:
            if name is None or (kind == "unique" and name == "serial"):
                continue
            if name not in entries:
                near = difflib.get_close_matches(name, entries, 1)
                remedy = f'write "{near[0]}"' if near else "add the field, or correct the rule"
                raise _FieldError((*at, key), f'there is no field "{name}"', None, remedy)
            self._check_kind((*at, key), kind, entries[name])
        self._check_tables(at, rule)
        return rule

    def _check_kind(self, at: Where, kind: str, field: Field) -> None:
        wanted = _RULE_TYPES.get(kind, keys.TYPES)
        if field.type not in wanted or (kind == "unique" and field.type in ("text", "tick")):
            what = f'a rule "{kind}" about "{field.name}", of type "{field.type}"'
            raise _FieldError(at, what, " or ".join(wanted) if kind in _RULE_TYPES else None)

    def _check_tables(self, at: Where, rule: Rule) -> None:
        """Check that it is clear which rows a rule is about."""
        names = (*rule.names, *([rule.equals] if rule.equals else []))
        twice = _twice(names)
        if twice is not None:
            raise _FieldError((*at, rule.kind), f'"{twice}" occurs twice in a rule')
        tables = {name.partition(".")[0] if "." in name else "" for name in rule.names}
        # A field outside of tables may be the sum of a column over all rows.
        is_into_field = rule.kind == "sum" and "." not in str(rule.equals)
        if len(tables) > 1 and not is_into_field:
            expected = "only fields, or only columns of one table"
            raise _FieldError((*at, rule.kind), "a rule about several tables", expected)
        table_of_sum = str(rule.equals).partition(".")[0]
        if rule.kind == "sum" and not is_into_field and tables != {table_of_sum}:
            expected = "a column of the same table, or a field"
            raise _FieldError((*at, "equals"), f'equals = "{rule.equals}"', expected)
        is_column_sum = is_into_field and tables != {""}
        if len(rule.names) == 1 and rule.kind != "unique" and not is_column_sum:
            raise _FieldError((*at, rule.kind), "a rule about one field", "two or more")


def _places(key: str, entries: tuple[Any, ...]) -> list[tuple[Where, Any]]:
    return [((key, number), one) for number, one in enumerate(entries)]


def _folded(name: str) -> str:
    """Return a form of a name that is equal for names differing only in case or Unicode's forms."""
    return unicodedata.normalize("NFC", name.casefold())


def _twice(names: Iterable[str]) -> str | None:
    """Return a name that occurs more than once; None if there is none."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _box(edges: list[Any] | None) -> Box | None:
    return None if edges is None else Box(*map(float, edges))


def _count(field: Field) -> int:
    return len(field.options) or field.length or 1


def _needed(field: Field) -> int:
    """Return how many boxes the values of a field need; 0 if that is not known."""
    if field.format:
        return sum(len(part) for part in field.parts if part.isalpha())
    bounds = [one for one in (field.minimum, field.maximum) if isinstance(one, Decimal)]
    if field.maximum is not None and bounds:
        return max(_digits(one, field.decimals) for one in bounds)
    return max(map(len, field.listed or ()), default=0)


def _digits(number: Decimal, decimals: int) -> int:
    """Return how many boxes a number takes: its digits, a minus sign and the decimals."""
    return len(str(abs(int(number)))) + (number < 0) + decimals


def _measure(template: Path, paper: tuple[float, float] | None) -> tuple[tuple[float, float], int]:
    """Return the width and height in millimetres of a template, and the number of its pages."""
    with decode.open_file(template) as document:
        page, pages = document.page(1, 100), document.count
    size = size_of(page)
    if paper is None and size is not None:
        return size, pages
    if paper is None:
        raise DataError(
            UNKNOWN_SIZE,
            where=template,
            remedy='add page = "A4" or page = "letter"',
        )
    height, width = page.size
    if abs(width / height / (paper[0] / paper[1]) - 1) > SHAPE_TOLERANCE:
        raise DataError(
            f"not the shape of {paper[0]:g} by {paper[1]:g} mm",
            where=template,
            remedy="correct page and landscape, or remove both",
        )
    return paper, pages


def size_of(page: decode.Page) -> tuple[float, float] | None:
    """Return a page's width and height in millimetres; None if its resolution is not known."""
    if page.dpi is None:
        return None
    height, width = page.size
    return width / page.dpi * INCH, height / page.dpi * INCH


def _file_error(at: Where, error: DataError) -> _FieldError:
    """Turn an error about a file that FORM.toml names into one about the key that names it."""
    return _FieldError(at, f"{error.where}: {error.what}", error.expected, error.remedy)


def _column(path: Path, name: str) -> list[tuple[int, str]]:
    """Return the values in a column of a CSV file, with their lines.

    It is the column `name`, or the first if there is none of this name. The first row is a heading
    if it has the name, or if its first cell has other characters than digits.
    """
    rows = csv_file.rows(read_text(path, MAX_LIST_BYTES), path)
    if not rows:
        raise DataError("an empty list", where=path)
    heading = rows[0][1]
    at = heading.index(name) if name in heading else 0
    if name in heading or not heading[0].isdigit():
        del rows[0]
    values = [(line, row[at] if at < len(row) else "") for line, row in rows]
    return [(line, unicodedata.normalize("NFKC", value)) for line, value in values]


def read_text(path: Path, most: int) -> str:
    """Read a file of at most `most` bytes: UTF-8, or UTF-16 that begins with its mark.

    Raises
    ------
    DataError
        If it cannot be read, is larger, or is neither, with the line.
    """
    content = _read(path, most)
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].decode(encoding, "ignore").count("\n") + 1
        raise DataError(
            f"a character that is not {'UTF-16' if is_utf16 else 'UTF-8'}",
            where=f"{path}, line {line}",
            remedy="save it as UTF-8",
        ) from None


def _read(path: Path, most: int) -> bytes:
    try:
        if not path.is_file():
            raise DataError("no such file", where=path, remedy="correct the name")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=path) from error
    if len(content) > most:
        raise DataError("too large a file", where=path, expected=f"at most {most // 1000} kB")
    return content
