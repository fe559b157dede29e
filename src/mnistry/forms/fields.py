"""Find the fields of a blank form: those of a PDF, or the boxes that are drawn on it.

Boxes are found by their lines; what is printed beside them is not read, so they have no names.
"""

import dataclasses
import itertools
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError
from mnistry.forms.definition import PAGES, POINT, Box, Field, Table
from mnistry.forms.keys import MAX_CELLS, MAX_COLUMNS, MAX_FIELDS, MAX_OPTIONS, MAX_PAGES, MAX_TITLE
from mnistry.forms.loading import RESERVED, SHAPE_TOLERANCE, SLACK, UNKNOWN_SIZE, size_of
from mnistry.images import decode
from mnistry.images.formats import HEAD_BYTES, MAX_PIXELS, is_pdf
from mnistry.images.pdf import Pdf

_COMB = 1 << 24  # a text field's flag in PDFs: boxes for its characters
_LEAST_POINTS = 4.0  # the least side of a field's box
_OFF = "Off"  # what a tick's box exports when it is empty

_SCALE = 8  # pixels for each millimetre of the pictures in which boxes are looked for
_PAPER = 51  # pixels: side of the window in which the paper round a point is found
_LINE = 14  # a line is more than so many grey levels darker than the paper round it
_INK = 70  # what is printed in a box is more than so many grey levels darker
# Lengths from here on are in millimetres.
_LEAST_SIDE = 2.5  # of a box
_LEAST_LINE = 2.2  # least length of a line
_FILLED = 0.9  # an area is a box if it fills this share of its rectangle
_PRINTED = 0.008  # a box is a heading, not a field, if more than this share of it is print
_LEVEL = 0.8  # the most by which edges of boxes in a row may differ
_COMB_GAP = 1.8  # the greatest gap between boxes of a comb
_SHARED = 1.0  # the greatest gap between boxes that share a line
_POINT_GAP = 6.0  # between boxes with a decimal point between them
_COMB_WIDTH = 9.0  # the greatest width of a comb's boxes
_COMB_SHAPE = 1.6  # the greatest ratio of their width to their height
_COMB_EVEN = 0.15  # their widths differ by at most this share of the greatest, and 0.3 mm
_TICK = 12.0  # the greatest side of a box for a tick
_TICK_SHAPE = 1.25  # the greatest ratio of its longer side to its shorter one
_WIDE, _HIGH = 60.0, 15.0  # a box that is wider or higher is for text, otherwise for digits
_MOST_BOXES = 4000  # on a page; further ones are left out
_LONGEST = 1200.0  # the greatest side of a page
_SLOPE = 0.006  # a page whose lines are steeper (a third of a degree) was scanned askew
_LEAST_ROWS = 3  # so many rows with the same fields are a table


@dataclass(frozen=True)
class Found:
    """What was found in a blank.

    Attributes
    ----------
    path
        The blank.
    paper
        The name of its paper, for a picture that does not say its resolution.
    landscape
        Whether that paper is in landscape orientation.
    fields, tables
        In reading order.
    options
        For fields of a PDF with a list to choose from: its entries.
    overlapping
        Other fields of a PDF, each with the name of a smaller one that it overlaps.
    """

    path: Path
    fields: tuple[Field, ...]
    tables: tuple[Table, ...] = ()
    paper: str | None = None
    landscape: bool = False
    options: tuple[tuple[str, tuple[str, ...]], ...] = ()
    overlapping: tuple[tuple[Field, str], ...] = ()


def find(blank: Path) -> Found:
    """Find the fields of a blank form.

    Parameters
    ----------
    blank
        A PDF or a picture.

    Raises
    ------
    DataError
        If it cannot be read, or nothing is found.
    """
    with decode.open_file(blank) as document:
        if document.count > MAX_PAGES:
            raise DataError(
                f"{document.count:,} pages", where=blank, expected=f"at most {MAX_PAGES}"
            )
        found = _of_pdf(blank)
        if found is None:
            found = _of_pictures(blank, document)
    count = len(found.fields) + len(found.tables)
    if not 1 <= count <= MAX_FIELDS:
        raise DataError(
            f"{count:,} fields found" if count else "no fields found",
            where=blank,
            expected="a blank form with closed boxes, or a PDF with fields to fill in",
            remedy="scan it in grey with 300 dots per inch, or write FORM.toml by hand",
        )
    return found


def to_toml(found: Found, output: Path) -> str:
    """Return a draft of FORM.toml.

    Parameters
    ----------
    found
        What was found in a blank.
    output
        Where the file will be; it names the blank by a path relative to this one.
    """
    try:
        template = Path(os.path.relpath(found.path, output.parent))
    except ValueError:  # on another drive of Windows
        template = found.path.absolute()
    title = "".join(filter(str.isprintable, found.path.stem))[:MAX_TITLE].strip() or "Form"
    lines = [f"title = {_quoted(title)}", f"template = {_quoted(template.as_posix())}"]
    if found.paper is not None:
        lines.append(f"page = {_quoted(found.paper)}  # the picture does not say: is it right?")
    if found.landscape:
        lines.append("landscape = true")
    options = dict(found.options)
    for one in found.fields:
        lines += ["", "[[field]]", *_lines_of(one)]
        if one.name in options:
            lines.append(f"# one of {', '.join(map(_quoted, options[one.name]))}")
    for one, name in found.overlapping:
        lines += ["", f"# This field overlaps {_quoted(name)}:", "# [[field]]"]
        lines += [f"# {line}" for line in _lines_of(one)]
    for table in found.tables:
        lines += ["", "[[table]]", f"name = {_quoted(table.name)}", f"rows = {table.rows}"]
        lines += [f"page = {table.page}", f"box = {_edges(table.box)}", "columns = ["]
        lines += [f"  {{{', '.join(_lines_of(column))}}}," for column in table.columns]
        lines.append("]")
    return "\n".join(lines) + "\n"


def draw(found: Found, number: int) -> bytes:
    """Return a page of a blank, from 1, as a PNG with the fields' boxes and names over it."""
    with decode.open_file(found.path) as document:
        page = document.page(number)
    image = cv2.cvtColor(page.grey, cv2.COLOR_GRAY2BGR)
    size = size_of(page) or _paper_size(found)
    across, down = page.grey.shape[1] / size[0], page.grey.shape[0] / size[1]
    places = [(one.name, one.boxes or (one.box,)) for one in found.fields if one.page == number]
    places += [(table.name, (table.box,)) for table in found.tables if table.page == number]
    for name, boxes in places:
        known = [box for box in boxes if box is not None]
        for box in known:
            start = round(box.x * across), round(box.y * down)
            end = round(box.right * across), round(box.bottom * down)
            cv2.rectangle(image, start, end, (0, 0, 220), max(1, round(across / 4)))
        at, size_of_text = known[0], across / 14
        cv2.putText(
            image,
            name,
            (round(at.x * across), round((at.y - 0.5) * down)),
            cv2.FONT_HERSHEY_SIMPLEX,
            size_of_text,
            (200, 0, 0),
            round(size_of_text) + 1,
        )
    return bytes(cv2.imencode(".png", image)[1])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _edges(box: Box | None) -> str:
    return f"[{', '.join(f'{value:.2f}' for value in (box or Box(0, 0, 0, 0)).edges)}]"


def _lines_of(one: Field) -> Iterator[str]:
    yield f"name = {_quoted(one.name)}"
    if one.label != one.name:
        yield f"label = {_quoted(one.label)}"
    yield f'type = "{one.type}"'
    if one.decimals:
        yield f"decimals = {one.decimals}"
    if one.options:
        yield f"options = [{', '.join(map(_quoted, one.options))}]"
    if one.page:
        yield f"page = {one.page}"
    if one.boxes:
        yield f"boxes = [{', '.join(map(_edges, one.boxes))}]"
    elif one.box is not None:
        yield f"box = {_edges(one.box)}"
    if one.width is not None:
        yield f"width = {one.width:.2f}"
    if one.cells:
        yield f"cells = {one.cells}"


# Fields of a PDF.


def _of_pdf(blank: Path) -> Found | None:
    """Return the fields that a PDF has itself; None if it has none, or is not a PDF."""
    with blank.open("rb") as file:
        if not is_pdf(file.read(HEAD_BYTES)):
            return None
    document = Pdf(blank, str(blank), MAX_PIXELS)
    try:
        # Hidden fields have no size.
        given = [one for one in document.fields() if min(one["box"][2:]) >= _LEAST_POINTS]
    finally:
        document.close()
    if not given:
        return None
    given.sort(key=lambda one: (one["page"], round(one["box"][1] * POINT / 4), one["box"][0]))
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for number, one in enumerate(given):
        # Check and radio boxes with the same page and name are one field; others are alone, with
        # their own negative number as the key.
        may_be_several = one["kind"] in ("check", "radio")
        key = one["page"] if may_be_several else -number, one["name"]
        groups.setdefault(key, []).append(one)
    taken: set[str] = set()
    fields, options = [], []
    widgets_of_fields: list[list[dict[str, Any]]] = []
    for group in groups.values():
        if len(group) > MAX_OPTIONS:  # more boxes than a choice may have: each is a tick
            widgets_of_fields += ([one] for one in group)
        else:
            widgets_of_fields.append(group)
    for widgets in widgets_of_fields:
        name = _name(widgets[0]["name"], taken)
        fields.append(_of_widgets(name, widgets))
        if widgets[0]["options"]:
            options.append((name, tuple(widgets[0]["options"])))
    kept, overlapping = _apart(fields)
    return Found(blank, tuple(kept), options=tuple(options), overlapping=tuple(overlapping))


def _apart(fields: Sequence[Field]) -> tuple[list[Field], list[tuple[Field, str]]]:
    """Return fields that overlap no smaller one; then the others, with that smaller one's name."""
    kept: list[Field] = []
    overlapping: list[tuple[Field, str]] = []
    for one in sorted(fields, key=_area):
        others = (other for other in kept if other.page == one.page and _overlap(one, other))
        under = next(others, None)
        if under is None:
            kept.append(one)
        else:
            overlapping.append((one, under.name))
    return sorted(kept, key=fields.index), overlapping


def _places(one: Field) -> tuple[Box, ...]:
    return one.boxes or ((one.box,) if one.box else ())


def _area(one: Field) -> float:
    return sum(box.width * box.height for box in _places(one))


def _overlap(one: Field, other: Field) -> bool:
    return any(a.overlap(b) > SLACK for a in _places(one) for b in _places(other))


def _of_widgets(name: str, widgets: list[dict[str, Any]]) -> Field:
    """Return the field of a PDF's form field, which may have several boxes."""
    first = widgets[0]
    label = " ".join(
        filter(str.isprintable, (first["label"] or name).replace("\n", " ").split(" "))
    )
    boxes = tuple(Box(*(value * POINT for value in one["box"])) for one in widgets)
    one = Field(name, (label or name)[:200], "text", page=first["page"], box=boxes[0])
    if first["kind"] == "text" and first["flags"] & _COMB and 1 < first["length"] <= MAX_CELLS:
        return dataclasses.replace(one, type="digits", cells=first["length"])
    if first["kind"] in ("check", "radio"):
        if len(boxes) == 1:
            return dataclasses.replace(one, type="tick")
        values = [one["value"] for one in widgets]
        if len(set(values)) < len(values) or not all(values) or _OFF in values:
            values = [str(number) for number in range(1, len(values) + 1)]
        return dataclasses.replace(one, type="choice", box=None, boxes=boxes, options=tuple(values))
    return one


def _name(text: str, taken: set[str]) -> str:
    """Make a unique name for a column: letters, digits and underscores."""
    last = re.sub(r"\[\d+\]", "", unicodedata.normalize("NFKC", text)).split(".")[-1]
    letters = (one if one.isalnum() or unicodedata.category(one)[0] == "M" else "_" for one in last)
    name = re.sub("_+", "_", "".join(letters)).strip("_")[:60]
    if not re.match(r"\w", name):
        name = f"field{name}"
    whole, number = name, 1
    while whole.lower() in {*taken, *RESERVED}:
        number += 1
        whole = f"{name}_{number}"
    taken.add(whole.lower())
    return whole


# Boxes that are drawn.


def _of_pictures(blank: Path, document: decode.Document) -> Found:
    fields: list[Field] = []
    tables: list[Table] = []
    paper, landscape = None, False
    for number in range(1, document.count + 1):
        page = document.page(number)
        size = size_of(page)
        if size is None:
            paper, landscape = _guessed(page, blank)
            size = _paper_size(Found(blank, (), paper=paper, landscape=landscape))
        if max(size) > _LONGEST:
            raise DataError(
                f"a page of {size[0]:.0f} by {size[1]:.0f} mm",
                where=blank,
                expected=f"at most {_LONGEST:.0f} mm",
                remedy="save it with its right resolution",
            )
        on_page, grids = _on_page(page.grey, size, blank)
        fields += (dataclasses.replace(one, page=number) for one in on_page)
        tables += (dataclasses.replace(one, page=number) for one in grids)
    named = [
        dataclasses.replace(one, name=f"field_{n}", label=f"field_{n}")
        for n, one in enumerate(fields, 1)
    ]
    numbered = [
        dataclasses.replace(one, name=f"table_{n}", label=f"table_{n}")
        for n, one in enumerate(tables, 1)
    ]
    return Found(blank, tuple(named), tuple(numbered), paper, landscape)


def _guessed(page: decode.Page, blank: Path) -> tuple[str, bool]:
    """Return the paper that has a picture's shape, and whether it is in landscape orientation."""
    height, width = page.size
    for name, (shorter, longer) in PAGES.items():
        if (
            abs(max(height, width) / min(height, width) / (longer / shorter) - 1)
            < SHAPE_TOLERANCE / 2
        ):
            return name, width > height
    raise DataError(
        UNKNOWN_SIZE,
        where=blank,
        expected="a resolution, or the shape of A4 or letter",
        remedy="scan the whole page again",
    )


def _paper_size(found: Found) -> tuple[float, float]:
    upright = PAGES[found.paper or "A4"]
    return upright[::-1] if found.landscape else upright


def _on_page(
    grey: NDArray[np.uint8], size: tuple[float, float], where: Path
) -> tuple[list[Field], list[Table]]:
    """Find boxes, combs and grids on a page of a width and height in millimetres."""
    shape = round(size[0] * _SCALE), round(size[1] * _SCALE)
    small = cv2.resize(grey, shape, interpolation=cv2.INTER_AREA)
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((_PAPER, _PAPER), np.uint8))
    darkness = np.asarray(cv2.subtract(paper, small), np.uint8)
    boxes, slope = _boxes(darkness)
    if abs(slope) > _SLOPE:
        raise DataError(
            f"the page lies {math.degrees(math.atan(abs(slope))):.1f}° askew",
            where=where,
            expected="straight lines: boxes must be parallel to the page's edges",
            remedy="scan it again, straight",
        )
    tables, used = _grids(boxes)
    rows = _rows([box for box in boxes if box not in used])
    lines = _lines([list(_fields_of_row(row, darkness)) for row in rows])
    fields: list[Field] = []
    at = 0
    while at < len(lines):
        count = _repeats(lines[at:])
        if count >= _LEAST_ROWS:
            tables.append(_table(lines[at : at + count]))
        else:
            count = 1
            fields += lines[at]
        at += count
    return fields, sorted(tables, key=lambda table: _top(table.box))


def _boxes(darkness: NDArray[np.uint8]) -> tuple[list[Box], float]:
    """Find areas that lines enclose as rectangles, and in which nothing is printed.

    The second value is the slope of their upper edges.
    """
    lines = (darkness > _LINE).astype(np.uint8)
    length = round(_LEAST_LINE * _SCALE)
    across = cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    down = cv2.morphologyEx(lines, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    rules = cv2.dilate(cv2.bitwise_or(across, down), np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - rules, connectivity=4)
    found: list[Box] = []
    slopes: list[float] = []
    widths: list[int] = []
    least = _LEAST_SIDE * _SCALE
    full = stats[:, 4] >= _FILLED * stats[:, 2] * stats[:, 3]
    candidates = np.flatnonzero(full & (stats[:, 2] >= least) & (stats[:, 3] >= least))
    for label in candidates[candidates > 0][:_MOST_BOXES]:
        x, y, width, height, _ = stats[label].tolist()
        if x == 0 or y == 0 or x + width == lines.shape[1] or y + height == lines.shape[0]:
            continue
        area = labels[y : y + height, x : x + width] == label
        if (darkness[y : y + height, x : x + width][area] > _INK).mean() > _PRINTED:
            continue
        slopes.append(_slope(area))
        widths.append(width**2)  # a wide area tells more
        # The area begins a pixel after the line, which is two or three wide: end in its middle.
        left, top = (x - 2) / _SCALE, (y - 2) / _SCALE
        found.append(Box(left, top, (width + 4) / _SCALE, (height + 4) / _SCALE))
    return sorted(found, key=lambda box: (box.y, box.x)), float(
        np.average(slopes, weights=widths) if slopes else 0
    )


def _slope(area: NDArray[np.bool_]) -> float:
    """Return how steeply an area's upper edge falls: from its left to its right third."""
    top = area.argmax(0)
    third = max(1, len(top) // 3)
    inner = top[2:-2] if len(top) > 8 else top
    return float(inner[-third:].mean() - inner[:third].mean()) / max(1, len(inner) - third)


def _rows(boxes: Iterable[Box]) -> list[list[Box]]:
    """Group boxes that are side by side and have the same height, from top to bottom."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box.y):
        for row in reversed(rows[-20:]):
            if abs(row[0].y - box.y) < _LEVEL and abs(row[0].height - box.height) < _LEVEL:
                row.append(box)
                break
        else:
            rows.append([box])
    return [sorted(row, key=lambda box: box.x) for row in rows]


def _runs(row: list[Box], gap: float) -> list[list[Box]]:
    """Divide a row where more than a gap is between two boxes."""
    runs = [row[:1]]
    for before, box in itertools.pairwise(row):
        if box.x - before.right > gap:
            runs.append([])
        runs[-1].append(box)
    return runs


def _fields_of_row(row: list[Box], darkness: NDArray[np.uint8]) -> Iterator[Field]:
    """Yield the fields in a row of boxes from left to right: combs, ticks and boxes for text."""
    combs: list[list[Box]] = []
    for run in _runs(row, _COMB_GAP):
        narrow = all(box.width <= min(_COMB_WIDTH, _COMB_SHAPE * box.height) for box in run)
        widths = [box.width for box in run]
        if narrow and max(widths) - min(widths) <= _COMB_EVEN * max(widths) + 0.3:
            combs.append(run)
        else:
            combs += ([box] for box in run)
    groups: list[list[list[Box]]] = [combs[:1]]
    for before, comb in itertools.pairwise(combs):
        if _has_point(before, comb, darkness):
            groups[-1].append(comb)
        else:
            groups.append([comb])
    for group in groups:
        if len(group) == 2:
            whole, behind = group
            yield Field("", "", "decimal", boxes=(*whole, *behind), decimals=len(behind))
        else:  # with several points it is a date
            yield from map(_of_run, group)


def _first_box(one: Field) -> Box:
    """Return the first box of a field."""
    return one.boxes[0] if one.boxes else one.box or Box(0, 0, 0, 0)


def _top(box: Box | None) -> float:
    return box.y if box is not None else 0.0


def _middle(one: Field) -> float:
    box = _first_box(one)
    return box.y + box.height / 2


def _lines(rows: list[list[Field]]) -> list[list[Field]]:
    """Join rows whose middles are at one height, although their boxes differ in height."""
    lines: list[list[Field]] = []
    for row in sorted(rows, key=lambda row: _middle(row[0])):
        if lines and abs(_middle(lines[-1][0]) - _middle(row[0])) < _LEVEL:
            lines[-1] += row
        else:
            lines.append(row)
    return [sorted(line, key=lambda one: _first_box(one).x) for line in lines]


def _repeats(lines: list[list[Field]]) -> int:
    """Return how many lines from the first one on have the same fields, at equal distances."""
    count = 1
    while count < len(lines) and _is_like(lines[0], lines[count]):
        steps = [_middle(lines[n][0]) - _middle(lines[n - 1][0]) for n in (1, count)]
        if abs(steps[1] - steps[0]) > _LEVEL:
            break
        count += 1
    return count


def _is_like(first: list[Field], other: list[Field]) -> bool:
    return len(first) == len(other) and all(
        (a.type, a.cells, a.decimals, len(a.boxes)) == (b.type, b.cells, b.decimals, len(b.boxes))
        and abs(_first_box(a).x - _first_box(b).x) < _LEVEL
        and abs(_first_box(a).width - _first_box(b).width) < _LEVEL
        for a, b in zip(first, other, strict=True)
    )


def _table(lines: list[list[Field]]) -> Table:
    """Make a table of lines that have the same fields."""
    columns = []
    for number, one in enumerate(lines[0], 1):
        boxes = one.boxes or (one.box or Box(0, 0, 0, 0)).divided(max(1, one.cells))
        name = f"column_{number}"
        columns.append(
            dataclasses.replace(one, name=name, label=name, page=0, box=None, boxes=boxes, cells=0)
        )
    every = [box for line in (lines[0], lines[-1]) for one in line
             for box in (one.boxes or (one.box or Box(0, 0, 0, 0),))]  # fmt: skip
    left, top = min(box.x for box in every), min(box.y for box in every)
    right, bottom = max(box.right for box in every), max(box.bottom for box in every)
    return Table("", "", len(lines), tuple(columns), box=Box(left, top, right - left, bottom - top))


def _has_point(before: Sequence[Box], behind: Sequence[Box], darkness: NDArray[np.uint8]) -> bool:
    """Whether a decimal point is printed between two combs."""
    left, right = before[-1].right, behind[0].x
    if right - left > _POINT_GAP or before[0].width > _COMB_WIDTH:
        return False
    top, bottom = before[-1].y, before[-1].bottom + 1
    gap = darkness[
        round(top * _SCALE) : round(bottom * _SCALE),
        round((left + 0.4) * _SCALE) : round((right - 0.4) * _SCALE),
    ]
    rows, columns = np.nonzero(gap > _INK)
    if not len(rows):
        return False
    height = np.ptp(rows) / _SCALE
    return bool(height < 2 and np.ptp(columns) / _SCALE < 2 and rows.mean() > 0.6 * gap.shape[0])


def _of_run(run: Sequence[Box]) -> Field:
    first, last = run[0], run[-1]
    whole = Box(first.x, first.y, last.right - first.x, first.height)
    if len(run) > 1:
        gaps = [box.x - before.right for before, box in itertools.pairwise(run)]
        if max(map(abs, gaps)) > 0.3:
            return Field("", "", "digits", boxes=tuple(run))
        return Field("", "", "digits", box=whole, cells=len(run))
    ratio = max(whole.width, whole.height) / min(whole.width, whole.height)
    if max(whole.width, whole.height) <= _TICK and ratio <= _TICK_SHAPE:
        return Field("", "", "tick", box=whole)
    is_text = whole.width > _WIDE or whole.height > _HIGH
    return Field("", "", "text" if is_text else "digits", box=whole)


def _grids(boxes: list[Box]) -> tuple[list[Table], set[Box]]:
    """Find tables: rows of adjoining boxes, one below the other. Return them, and their boxes."""
    runs = [run for row in _rows(boxes) for run in _runs(row, _SHARED)]
    tables: list[Table] = []
    used: set[Box] = set()
    for start in runs:
        if start[0] in used or not 2 <= len(start) <= MAX_COLUMNS:
            continue
        rows = [start]
        for run in runs:
            if _continues(rows[-1], run):
                rows.append(run)
        if len(rows) < 2:
            continue
        used.update(box for run in rows for box in run)
        first, last = rows[0], rows[-1]
        whole = Box(
            first[0].x, first[0].y, first[-1].right - first[0].x, last[0].bottom - first[0].y
        )
        lines = [first[0].x, *(box.x for box in first[1:]), first[-1].right]
        columns = tuple(
            Field(f"column_{n}", f"column_{n}", "digits", page=0, width=round(right - left, 2))
            for n, (left, right) in enumerate(itertools.pairwise(lines), 1)
        )
        tables.append(Table("", "", len(rows), columns, box=whole))
    return tables, used


def _continues(above: list[Box], below: list[Box]) -> bool:
    """Whether a row has the columns of the one above it, and shares its lower line."""
    return (
        len(above) == len(below)
        and abs(below[0].y - above[0].bottom) < _SHARED
        and abs(below[0].height - above[0].height) < _LEVEL
        and all(
            abs(a.x - b.x) < _LEVEL and abs(a.right - b.right) < _LEVEL
            for a, b in zip(above, below, strict=True)
        )
    )
