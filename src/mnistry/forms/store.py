"""The state of a batch: files, pages, sheets, what was read, and what people decided.

All of it is one SQLite file, and a folder of pictures beside it. Each page is added in one
transaction, so a process may be killed at any moment: the page is there whole, or not at all. What
was read is never changed by a person's decision, nor the other way round: decisions are rows of
their own, each on disk before `Store.decide` returns.

Tables: ``files``, ``pages`` (one for each page given, placed or not), ``sheets``, ``fields`` (one
row for each field as the machine read it), ``decisions``, ``audits``, and ``placements`` (what
people say of pages that were set aside).
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mnistry.errors import UsageError
from mnistry.forms.answers import OK, Answer, Value
from mnistry.forms.database import Database, reads
from mnistry.forms.placement import Placement
from mnistry.forms.records import (
    BLANK,
    Decision,
    Drawn,
    NewPage,
    Page,
    Sheet,
    Unplaced,
    with_decisions,
)
from mnistry.forms.rules import Key
from mnistry.system import files

_PICTURES, DIFFERENCES = "pictures", "differences"
_SAME = 0.8  # two scans show the same sheet if their ink correlates at least this much
_INKED = 12  # less ink than this, of 255, counts as none
_SOME_INK = 15.0  # with less ink in all, that of three digits, the correlation says nothing
_AT_ONCE = 16  # so many pages are compared with a new one at once


class Store:
    """The state of a batch. A context manager that closes it. One thread at a time may use it.

    Parameters
    ----------
    folder
        The batch's folder, made if it is missing, and readable only by its owner; None keeps all
        in memory, without pictures.
    must_exist
        Whether it is an error if there is no batch in the folder.

    Raises
    ------
    UsageError
        If the folder is not a batch, and has other files in it.
    DataError
        If the batch is damaged, or has another format.
    """

    def __init__(self, folder: Path | None, *, must_exist: bool = False) -> None:
        self.folder = folder
        self._database = Database(folder, must_exist=must_exist)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @reads
    def meta(self, name: str) -> str | None:
        """Return what was noted under a name; None if nothing was."""
        row = self._database.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, name: str, value: str) -> None:
        """Note something under a name."""
        with self._database.transaction():
            self._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @reads
    def metas(self, beginning: str) -> list[str]:
        """Return what was noted under names with this beginning, in the order of noting."""
        rows = self._database.execute("SELECT name, value FROM meta ORDER BY rowid")
        return [str(value) for name, value in rows if name.startswith(beginning)]

    def add_file(self, path: str | Path, sha256: str) -> int:
        """Return the number of a file, which is added if its content is new."""
        with self._database.transaction():
            self._database.execute(
                "INSERT OR IGNORE INTO files (path, sha256) VALUES (?, ?)",
                (files.path_text(path), sha256),
            )
        row = self._database.execute("SELECT id FROM files WHERE sha256 = ?", (sha256,)).fetchone()
        return int(row[0])

    @reads
    def path_of(self, file: int) -> str:
        """Return the path under which a file was first given, as `files.path_text` writes it."""
        row = self._database.execute("SELECT path FROM files WHERE id = ?", (file,)).fetchone()
        return str(row[0])

    @reads
    def files(self) -> list[tuple[int, str, str, str | None]]:
        """Return the number, path, SHA-256 and version of each file, in the order of adding."""
        rows = self._database.execute("SELECT id, path, sha256, version FROM files ORDER BY id")
        return [(row[0], os.fsdecode(row[1].encode()), *row[2:]) for row in rows]

    @reads
    def is_done(self, file: int, version: str) -> bool:
        """Whether all pages of a file were read by this version of the form."""
        row = self._database.execute("SELECT version FROM files WHERE id = ?", (file,)).fetchone()
        return bool(row[0] == version)

    @reads
    def was_read(self, file: int) -> bool:
        """Whether all pages of a file were read, by any version of the form."""
        row = self._database.execute("SELECT version FROM files WHERE id = ?", (file,)).fetchone()
        return row[0] is not None

    def finish_file(self, file: int, pages: int, version: str) -> None:
        """Note that all pages of a file were read."""
        with self._database.transaction():
            self._database.execute(
                "UPDATE files SET pages = ?, version = ? WHERE id = ?", (pages, version, file)
            )

    @reads
    def has_page(self, file: int, number: int) -> bool:
        """Whether a page has been added."""
        found = self._database.execute(
            "SELECT 1 FROM pages WHERE file = ? AND number = ?", (file, number)
        )
        return found.fetchone() is not None

    def add_page(self, file: int, new: NewPage, placement: Placement | None = None) -> None:
        """Add a page to the sheet that it belongs to; or replace what was read on it before.

        With a `placement`, what a person says of a page that was set aside is kept with it.

        Raises
        ------
        UsageError
            If the page that a person places was placed meanwhile.
        """
        picture = self._write_picture(new.picture)
        with self._database.transaction():
            row = self._database.execute(
                "SELECT id, sheet, picture, problem FROM pages WHERE file = ? AND number = ?",
                (file, new.number),
            ).fetchone()
            if placement is not None:
                if row is None or row[1] is not None or self._placement(file, new.number):
                    raise UsageError("somebody else has placed this page meanwhile")
                self._add_placement(file, new.number, placement, row[3])
            sheet = same_as = None
            if row is not None:
                sheet = row[1]
                self._database.execute("DELETE FROM pages WHERE id = ?", (row[0],))
            problems = list(new.problems)
            if new.page is not None and sheet is None:
                sheet, same_as = self._place(file, new, problems)
            self._database.execute(
                "INSERT INTO pages (id, file, number, sheet, page, turned, same_as, problem,"
                " problems, pattern, picture, paper)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    None if row is None else row[0], file, new.number, sheet, new.page,
                    new.turned, same_as, new.problem, json.dumps(problems),
                    None if new.pattern is None else new.pattern.tobytes(), picture, new.paper,
                ),
            )  # fmt: skip
            if sheet is not None:
                if row is not None:  # fields that the form no longer has
                    self._database.execute(
                        "DELETE FROM fields WHERE sheet = ? AND page = ?", (sheet, new.page)
                    )
                self._database.executemany(
                    "INSERT OR REPLACE INTO fields VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [_row(sheet, key, answer) for key, answer in new.answers.items()],
                )
        if row is not None and row[2] is not None and self.folder is not None:
            (self.folder / _PICTURES / row[2]).unlink(missing_ok=True)

    def _add_placement(
        self, file: int, number: int, placement: Placement, before: str | None
    ) -> None:
        self._database.execute(
            "INSERT INTO placements (file, number, page, serial, points, paper, before, who, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                file, number, placement.page, placement.serial, json.dumps(placement.points),
                placement.paper, before, placement.who, time.time(),
            ),
        )  # fmt: skip

    @reads
    def placement(self, file: int, number: int) -> Placement | None:
        """Return what a person says of a page that was set aside; None if nobody said anything."""
        return self._placement(file, number)

    def _placement(self, file: int, number: int) -> Placement | None:
        row = self._database.execute(
            "SELECT page, serial, points, paper, who FROM placements WHERE undone IS NULL"
            " AND file = ? AND number = ?",
            (file, number),
        ).fetchone()
        if row is None:
            return None
        page, serial, points, *rest = row
        return Placement(page, serial, tuple(map(tuple, json.loads(points))), *rest)

    @reads
    def unplaced(self) -> list[Unplaced]:
        """Return the pages that a person may place: not those that are blank."""
        rows = self._database.execute(
            "SELECT pages.id, pages.file, files.sha256, files.path, pages.number, pages.problem"
            " FROM pages JOIN files ON pages.file = files.id WHERE sheet IS NULL"
            " AND same_as IS NULL AND NOT EXISTS (SELECT 1 FROM placements WHERE undone IS NULL"
            " AND placements.file = pages.file AND placements.number = pages.number)"
            " AND pages.problem IS NOT ? ORDER BY pages.file, pages.number",
            (BLANK,),
        )
        return [
            Unplaced(
                row[0], row[1], row[2], Path(os.fsdecode(row[3].encode())),
                Page(row[3], row[4], None, row[5], (), 0, False, None),
            )
            for row in rows
        ]  # fmt: skip

    def _place(self, file: int, new: NewPage, problems: list[str]) -> tuple[int | None, int | None]:
        """Return the sheet that a page belongs to; or None, and the page that it is a copy of."""
        for page, sheet in self._look_the_same(new):
            if self._says_the_same(sheet, new):
                return None, page
        if new.serial is not None:
            rows = self._database.execute(
                "SELECT id, EXISTS (SELECT 1 FROM pages WHERE sheet = sheets.id AND page = ?)"
                " FROM sheets WHERE serial = ? ORDER BY id",
                (new.page, new.serial),
            ).fetchall()
            free = [
                sheet
                for sheet, has_page in rows
                if not has_page and not self._is_other_paper(sheet, new)
            ]
            if free:
                return free[0], None
            if rows:
                problems.append(f"the serial {new.serial} is on another sheet too")
        else:
            row = self._database.execute(
                "SELECT pages.sheet FROM pages JOIN sheets ON pages.sheet = sheets.id"
                " WHERE file = ? AND sheets.serial IS NULL ORDER BY pages.id DESC LIMIT 1",
                (file,),
            ).fetchone()
            if row is not None:
                present = self._database.execute(
                    "SELECT 1 FROM pages WHERE sheet = ? AND page = ?", (row[0], new.page)
                ).fetchone()
                if present is None and not self._is_other_paper(row[0], new):
                    return int(row[0]), None
        added = self._database.execute("INSERT INTO sheets (serial) VALUES (?)", (new.serial,))
        return added.lastrowid, None

    def _look_the_same(self, new: NewPage) -> Iterator[tuple[int, int]]:
        """Yield the pages, with their sheets, whose ink is that of a new page."""
        if new.pattern is None:
            return
        others = self._database.execute(
            "SELECT pages.id, pages.sheet, pages.pattern FROM pages"
            " JOIN sheets ON pages.sheet = sheets.id WHERE pages.page = ? AND sheets.serial IS ?"
            " AND pages.paper IS ? AND length(pages.pattern) = ?",
            (new.page, new.serial, new.paper, new.pattern.size),
        )
        while some := others.fetchmany(_AT_ONCE):
            patterns = np.frombuffer(b"".join(row[2] for row in some), np.uint8)
            is_same = _is_same(patterns.reshape(len(some), -1), new.pattern.ravel())
            yield from (
                (page, sheet) for (page, sheet, _), same in zip(some, is_same, strict=True) if same
            )

    def _is_other_paper(self, sheet: int, new: NewPage) -> bool:
        """Whether a sheet is of another version of the form than a page."""
        other = self._database.execute(
            "SELECT 1 FROM pages WHERE sheet = ? AND paper <> ?", (sheet, new.paper)
        )
        return other.fetchone() is not None

    def _says_the_same(self, sheet: int, new: NewPage) -> bool:
        """Whether fields that are sure both in a sheet and on a new page have the same values."""
        rows = self._database.execute(
            "SELECT tbl, row, name, value FROM fields WHERE sheet = ? AND page = ? AND status = ?",
            (sheet, new.page, OK),
        )
        return all(
            new.answers[table, row, name].status != OK
            or json.dumps(_plain(new.answers[table, row, name].value)) == value
            for table, row, name, value in rows
            if (table, row, name) in new.answers
        )

    def _write_picture(self, content: bytes | None) -> str | None:
        if content is None or self.folder is None:
            return None
        name = f"{os.urandom(12).hex()}.jpg"
        path = self.folder / _PICTURES / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        files.fsync_folder(path.parent)
        return name

    @property
    @reads
    def version(self) -> int:
        """A number that changes when another process has written to the batch."""
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    def decide(self, sheet: int, key: Key, decision: Decision) -> None:
        """Add a person's decision about a field; it is on disk when this returns."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO decisions (sheet, tbl, row, name, text, value, problem, how, who, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    sheet, *key, decision.text, json.dumps(_plain(decision.value)),
                    decision.problem, decision.how, decision.who, time.time(),
                ),
            )  # fmt: skip

    def undo(self, who: str) -> tuple[int, Key] | int | None:
        """Take back what a person last decided about a field, or said of a page.

        Returns
        -------
        tuple, int or None
            The sheet and the field; or the number of the page, which is set aside again; None if
            there is nothing to take back.

        Raises
        ------
        UsageError
            If somebody has decided about fields of that page since.
        """
        picture = None
        with self._database.transaction():
            decided = self._database.execute(
                "SELECT at, id, sheet, tbl, row, name FROM decisions WHERE who = ? AND undone IS"
                " NULL ORDER BY id DESC LIMIT 1",
                (who,),
            ).fetchone()
            placed = self._database.execute(
                "SELECT at, id, file, number, page, before FROM placements WHERE who = ?"
                " AND undone IS NULL ORDER BY id DESC LIMIT 1",
                (who,),
            ).fetchone()
            if decided is None and placed is None:
                return None
            is_page = decided is None or (placed is not None and placed[0] > decided[0])
            if is_page:
                page, picture = self._set_aside_again(*placed[2:])
                statement = "UPDATE placements SET undone = ? WHERE id = ?"
            else:
                statement = "UPDATE decisions SET undone = ? WHERE id = ?"
            last = placed if is_page else decided
            self._database.execute(statement, (time.time(), last[1]))
        if picture is not None and self.folder is not None:
            (self.folder / _PICTURES / picture).unlink(missing_ok=True)
        return page if is_page else (decided[2], tuple(decided[3:]))

    def _set_aside_again(
        self, file: int, number: int, of_form: int | None, problem: str | None
    ) -> tuple[int, str | None]:
        """Take a page out of its sheet; return its number, and the name of its picture."""
        page, sheet, picture = self._database.execute(
            "SELECT id, sheet, picture FROM pages WHERE file = ? AND number = ?",
            (file, number),
        ).fetchone()
        # What a person said of the sheet's fields, unless the field lies on another page of it.
        used = self._database.execute(
            "SELECT 1 FROM (SELECT sheet, tbl, row, name FROM decisions WHERE undone IS NULL"
            " UNION ALL SELECT sheet, tbl, row, name FROM audits WHERE text IS NOT NULL) AS used"
            " WHERE used.sheet = ? AND NOT EXISTS (SELECT 1 FROM fields WHERE fields.page <> ?"
            " AND (fields.sheet, fields.tbl, fields.row, fields.name)"
            " = (used.sheet, used.tbl, used.row, used.name))",
            (sheet, of_form),
        ).fetchone()
        if used is not None:
            raise UsageError(
                "somebody has decided about fields of this page",
                remedy="whoever did takes that back first",
            )
        self._database.execute("DELETE FROM fields WHERE sheet = ? AND page = ?", (sheet, of_form))
        self._database.execute(
            "UPDATE pages SET sheet = NULL, page = NULL, same_as = NULL, turned = 0, problem = ?,"
            " problems = '[]', pattern = NULL, picture = NULL WHERE id = ?",
            (problem, page),
        )
        return page, picture

    @reads
    def decisions(self, sheet: int, key: Key) -> list[Decision]:
        """Return all decisions about a field that were not taken back, the earliest first."""
        rows = self._database.execute(
            "SELECT text, value, problem, how, who, at FROM decisions WHERE undone IS NULL"
            " AND sheet = ? AND tbl = ? AND row = ? AND name = ? ORDER BY id",
            (sheet, *key),
        )
        return [Decision(row[0], _value(row[1]), *row[2:]) for row in rows]

    def draw(self, fields: Iterable[tuple[int, Key, Value]]) -> None:
        """Add fields to the audit: their sheets, keys and what was read."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO audits (sheet, tbl, row, name, read) VALUES (?, ?, ?, ?, ?)",
                [(sheet, *key, json.dumps(_plain(value))) for sheet, key, value in fields],
            )

    @reads
    def audited(self) -> list[Drawn]:
        """Return the fields of the audit, in the order of drawing."""
        return [
            Drawn(
                row[0], row[1], (row[2], row[3], row[4]), _value(row[5]),
                None if row[6] is None
                else Decision(row[6], _value(row[7]), row[8], "typed", row[9]),
                row[10] or 0.0,
            )
            for row in self._database.execute(
                "SELECT id, sheet, tbl, row, name, read, text, value, problem, who, at"
                " FROM audits"
                " ORDER BY id"
            )
        ]  # fmt: skip

    def audit(self, number: int, typed: Decision | None) -> None:
        """Note what a person typed for a field of the audit; None takes it back."""
        values: tuple[Any, ...] = (None,) * 5
        if typed is not None:
            value = json.dumps(_plain(typed.value))
            values = (typed.text, value, typed.problem, typed.who, time.time())
        with self._database.transaction():
            self._database.execute(
                "UPDATE audits SET text = ?, value = ?, problem = ?, who = ?, at = ? WHERE id = ?",
                (*values, number),
            )

    @reads
    def sheets(self) -> list[Sheet]:
        """Return all sheets, in the order in which their first page was added."""
        pages: dict[int | None, list[Page]] = {}
        for sheet, page in self._pages():
            pages.setdefault(sheet, []).append(page)
        answers: dict[int, dict[Key, Answer]] = {}
        for row in self._database.execute("SELECT * FROM fields ORDER BY rowid"):
            answers.setdefault(row[0], {})[row[1], row[2], row[3]] = _answer(row)
        decided: dict[int, dict[Key, list[Decision]]] = {}
        for row in self._database.execute(
            "SELECT sheet, tbl, row, name, text, value, problem, how, who, at FROM decisions"
            " WHERE undone IS NULL ORDER BY id"
        ):
            decision = Decision(row[4], _value(row[5]), *row[6:])
            decided.setdefault(row[0], {}).setdefault((row[1], row[2], row[3]), []).append(decision)
        disputed: dict[int, set[Key]] = {}
        for one in self.audited():
            if one.differs:
                disputed.setdefault(one.sheet, set()).add(one.key)
        return [
            with_decisions(
                Sheet(
                    sheet, serial, tuple(pages.get(sheet, ())), answers.get(sheet, {}), {},
                    frozenset(disputed.get(sheet, ())),
                ),
                decided.get(sheet, {}),
            )
            for sheet, serial in self._database.execute("SELECT id, serial FROM sheets ORDER BY id")
        ]  # fmt: skip

    @reads
    def set_aside(self) -> list[Page]:
        """Return the pages in no sheet, and those that could not be placed when read again."""
        return [page for sheet, page in self._pages() if sheet is None or page.problem]

    def _pages(self) -> Iterator[tuple[int | None, Page]]:
        for row in self._database.execute(
            "SELECT pages.sheet, files.path, pages.number, pages.page, pages.problem,"
            " pages.problems, pages.turned, pages.same_as, pages.picture, other_files.path,"
            " other.number, EXISTS (SELECT 1 FROM placements WHERE undone IS NULL"
            " AND placements.file = pages.file AND placements.number = pages.number"
            " AND placements.page IS NULL), pages.paper"
            " FROM pages JOIN files ON pages.file = files.id"
            " LEFT JOIN pages AS other ON pages.same_as = other.id"
            " LEFT JOIN files AS other_files ON other.file = other_files.id"
            " ORDER BY pages.file, pages.number"
        ):
            problem = row[4]
            if row[7] is not None:
                problem = f"the same page as {row[9]}, page {row[10]}"
            yield row[0], Page(
                row[1], row[2], row[3], problem, tuple(json.loads(row[5])), row[6],
                row[7] is not None, row[8], bool(row[11]), row[12],
            )  # fmt: skip

    def picture(self, page: Page) -> bytes | None:
        """Return a straightened page, as JPEG; None if there is no picture of it."""
        if self.folder is None or page.picture is None:
            return None
        try:
            return (self.folder / _PICTURES / page.picture).read_bytes()
        except FileNotFoundError:
            return None

    def forget(self) -> int:
        """Delete all pictures, and the ink patterns that tell scans apart; values stay.

        Returns
        -------
        int
            How many pictures there were.
        """
        with self._database.transaction():
            self._database.execute("UPDATE pages SET pattern = NULL, picture = NULL")
        self._database.execute("VACUUM")
        if self.folder is None:
            return 0
        pictures = [
            path for name in (_PICTURES, DIFFERENCES) for path in (self.folder / name).glob("*.*g")
        ]
        for picture in pictures:
            picture.unlink(missing_ok=True)
        return len(pictures)


def _is_same(patterns: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether scans show the same sheet as another, by their ink; shapes (n, cells) and (cells,).

    What counts is Pearson's correlation over the cells that are not blank in both. Here covariance
    and variances are multiplied by the square of the number of these cells.
    """
    known, given = (
        np.where(values > _INKED, values, 0).astype(np.float32) / 255
        for values in (patterns, other)
    )
    cells = np.count_nonzero((known > 0) | (given > 0), axis=1)
    ink, others_ink = known.sum(1), given.sum()
    shared = cells * (known @ given) - ink * others_ink
    spread = cells * np.square(known).sum(1) - ink**2
    others_spread = cells * np.square(given).sum() - others_ink**2
    is_same = (
        (np.minimum(ink, others_ink) >= _SOME_INK)
        & (spread * others_spread > 0)
        & (shared >= _SAME * np.sqrt(np.maximum(spread * others_spread, 0)))
    )
    return np.asarray(is_same, bool)


def _row(sheet: int, key: Key, answer: Answer) -> tuple[Any, ...]:
    """Return the columns of the table ``fields`` for an answer, in their order."""
    return (
        sheet, *key, answer.text, json.dumps(_plain(answer.value)), answer.confidence,
        answer.status, answer.why, json.dumps(answer.candidates), json.dumps(answer.box),
        answer.page, answer.is_contested,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value as JSON's types; a decimal as text, so that no digit is lost."""
    return {"decimal": str(value)} if isinstance(value, Decimal) else value


def _value(text: str) -> Any:
    value = json.loads(text)
    return Decimal(value["decimal"]) if isinstance(value, dict) else value


def _answer(row: Sequence[Any]) -> Answer:
    """Make an answer of the columns of `_row`."""
    (
        *_, text, value, confidence, status, why, candidates, box, page, is_contested,
    ) = row  # fmt: skip
    return Answer(
        text=text,
        value=_value(value),
        confidence=confidence,
        status=status,
        why=why,
        candidates=tuple((text, float(p)) for text, p in json.loads(candidates)),
        box=tuple(json.loads(box)),
        page=page,
        is_contested=bool(is_contested),
    )
