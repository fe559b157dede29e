"""A batch's state: nothing is lost, nothing is there twice, and what was read is never changed."""

import errno
import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from mnistry.errors import DataError, ResourceError, UsageError
from mnistry.forms.answers import CHECK, OK, Answer
from mnistry.forms.placement import Placement
from mnistry.forms.records import Decision, NewPage
from mnistry.forms.rules import key
from mnistry.forms.store import Store


def page(
    number: int = 1, *, of: int = 1, serial: int | None = None, ink: int = 0, value: str = "12"
) -> NewPage:
    """Page `number` of a file, which shows page `of` of the form; the same `ink` looks the same."""
    pattern = np.random.default_rng([ink, of]).integers(0, 255, (4, 3, 12)).astype(np.uint8)
    answers = {
        key(f"field{of}"): Answer(
            value, Decimal(value), 0.9, CHECK, "why", ((value, 0.9),), page=of
        )
    }
    return NewPage(number, of, serial, 0, answers, None, (), pattern, b"picture")


def test_what_was_read_is_there_again(tmp_path: Path) -> None:
    with Store(tmp_path / "batch") as store:
        store.add_page(store.add_file("a.pdf", "aa"), page(value="1.50"))
    with Store(tmp_path / "batch") as store:
        (sheet,) = store.sheets()
        answer = sheet.answers[key("field1")]
        assert (answer.value, answer.candidates) == (Decimal("1.50"), (("1.50", 0.9),))
        assert store.picture(sheet.pages[0]) == b"picture"


def test_a_page_that_is_added_again_is_there_once(tmp_path: Path) -> None:
    with Store(tmp_path / "batch") as store:
        file = store.add_file("a.pdf", "aa")
        store.add_page(file, page(value="12"))
        store.add_page(file, page(value="13"))
        (sheet,) = store.sheets()
        assert sheet.answers[key("field1")].value == 13
        assert len(list((tmp_path / "batch" / "pictures").iterdir())) == 1


def test_fault_124_a_killed_process_leaves_the_page_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "batch")
    file = store.add_file("a.pdf", "aa")
    store.add_page(file, page(1, ink=1))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mnistry.forms.store._row", dies)
    with pytest.raises(KeyboardInterrupt):
        store.add_page(file, page(2, ink=2))
    monkeypatch.undo()
    with Store(tmp_path / "batch") as again:
        assert [one.number for sheet in again.sheets() for one in sheet.pages] == [1]
        assert not again.has_page(file, 2)
        again.add_page(file, page(2, ink=2))
        assert len(again.sheets()) == 2


def aside(number: int = 1) -> NewPage:
    """A page that was not found."""
    return NewPage(number, None, None, 0, {}, "it is blank", (), None, None)


def test_fault_124_a_process_killed_while_a_page_is_placed_leaves_it_aside_or_placed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Placement(1, 7, ((0.0, 1.0, 0.1, 0.2),) * 4, "paper", "eva")
    store = Store(tmp_path / "batch")
    file = store.add_file("a.pdf", "aa")
    store.add_page(file, aside())

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mnistry.forms.store._row", dies)
    with pytest.raises(KeyboardInterrupt):
        store.add_page(file, page(serial=7), said)
    monkeypatch.undo()
    with Store(tmp_path / "batch") as again:
        assert (again.placement(file, 1), len(again.unplaced())) == (None, 1)
        again.add_page(file, page(serial=7), said)
        assert (again.placement(file, 1), again.unplaced(), again.set_aside()) == (said, [], [])
        assert [sheet.serial for sheet in again.sheets()] == [7]


def test_fault_125_a_page_that_two_people_place_is_placed_once() -> None:
    with Store(None) as store:
        file = store.add_file("a.pdf", "aa")
        store.add_page(file, aside())
        store.add_page(file, page(serial=7), Placement(1, 7, who="eva"))
        for late in (Placement(1, 8, who="ben"), Placement(None, who="ben")):
            with pytest.raises(UsageError, match="meanwhile"):
                store.add_page(file, page(serial=late.serial), late)
        assert [sheet.serial for sheet in store.sheets()] == [7]


def test_what_was_placed_last_is_taken_back_first_and_only_if_nothing_rests_on_it() -> None:
    with Store(None) as store:
        file = store.add_file("a.pdf", "aa")
        store.add_page(file, page(1, of=1, serial=7))
        store.add_page(file, aside(2))
        (unplaced,) = store.unplaced()
        store.decide(1, key("field1"), Decision("12", Decimal(12), who="eva"))
        store.add_page(file, page(2, of=2, serial=7), Placement(2, 7, who="eva"))
        store.decide(1, key("field2"), Decision("13", Decimal(13), who="ben"))
        with pytest.raises(UsageError, match="somebody has decided"):
            store.undo("eva")
        assert store.undo("ben") == (1, key("field2"))
        assert store.undo("eva") == unplaced.id
        assert [one.page.problem for one in store.unplaced()] == ["it is blank"]
        (sheet,) = store.sheets()
        assert set(sheet.answers) == set(sheet.decisions) == {key("field1")}
        assert store.undo("eva") == (1, key("field1"))
        store.add_page(file, page(2, of=2, serial=7), Placement(2, 7, who="eva"))
        store.draw([(1, key("field2"), Decimal(12))])
        store.audit(store.audited()[0].id, Decision("12", Decimal(12), who="ben"))
        with pytest.raises(UsageError, match="somebody has decided"):
            store.undo("eva")


def test_fault_119_the_same_paper_scanned_twice_is_told(tmp_path: Path) -> None:
    with Store(None) as store:
        store.add_page(store.add_file("a.png", "aa"), page(ink=1))
        store.add_page(store.add_file("b.png", "bb"), page(ink=1))
        store.add_page(store.add_file("c.png", "cc"), page(ink=2))
        assert len(store.sheets()) == 2
        (aside,) = store.set_aside()
        assert (aside.file, aside.is_double) == ("b.png", True)
        assert aside.problem == "the same page as a.png, page 1"


def test_sheets_that_look_alike_and_say_something_else_are_two() -> None:
    with Store(None) as store:
        for name, value in (("a", 12), ("b", 13), ("c", 12)):
            new = page(ink=1)
            answers = {key("field1"): Answer(str(value), value, 1.0, OK)}
            store.add_page(store.add_file(name, name), replace(new, answers=answers))
        assert len(store.sheets()) == 2
        assert [aside.file for aside in store.set_aside()] == ["c"]


def test_pages_with_one_serial_are_one_sheet_in_any_order() -> None:
    with Store(None) as store:
        file = store.add_file("a.pdf", "aa")
        for number, (of, serial) in enumerate([(2, 7), (1, 8), (1, 7), (2, 8)], 1):
            store.add_page(file, page(number, of=of, serial=serial, ink=number))
        found = {s.serial: sorted(p.number for p in s.pages) for s in store.sheets()}
        assert found == {7: [1, 3], 8: [2, 4]}


def test_the_same_serial_with_other_ink_is_another_sheet_and_told() -> None:
    with Store(None) as store:
        store.add_page(store.add_file("a.png", "aa"), page(serial=7, ink=1))
        store.add_page(store.add_file("b.png", "bb"), page(serial=7, ink=2))
        first, second = store.sheets()
        assert second.pages[0].problems == ("the serial 7 is on another sheet too",)
        assert first.pages[0].problems == ()


def test_pages_without_a_serial_form_sheets_within_their_file() -> None:
    with Store(None) as store:
        one, two = store.add_file("a.pdf", "aa"), store.add_file("b.pdf", "bb")
        for number, of in enumerate([1, 2, 2, 1], 1):
            store.add_page(one, page(number, of=of, ink=number))
        store.add_page(two, page(1, of=2, ink=9))
        found = [[(p.file, p.number) for p in sheet.pages] for sheet in store.sheets()]
        assert found == [[("a.pdf", 1), ("a.pdf", 2)], [("a.pdf", 3), ("a.pdf", 4)], [("b.pdf", 1)]]


def test_decisions_stay_when_a_page_is_read_again(tmp_path: Path) -> None:
    with Store(tmp_path / "batch") as store:
        file = store.add_file("a.pdf", "aa")
        store.add_page(file, page(value="12"))
        (sheet,) = store.sheets()
        store.decide(sheet.id, key("field1"), Decision("42", 42, who="someone"))
        store.decide(sheet.id, key("field1"), Decision("43", 43, who="someone"))
        store.add_page(file, page(value="13"))
        (sheet,) = store.sheets()
        assert sheet.decisions == {key("field1"): Decision("43", 43, who="someone")}
        assert sheet.answers[key("field1")].value == 13  # the machine's own reading
    database = sqlite3.connect(tmp_path / "batch" / "batch.sqlite")
    rows = database.execute("SELECT who FROM decisions")
    assert rows.fetchall() == [("someone",), ("someone",)]
    database.close()


def test_pictures_are_forgotten_and_values_stay(tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    with Store(folder) as store:
        store.add_page(store.add_file("a.pdf", "aa"), page())
        assert store.forget() == 1
        (sheet,) = store.sheets()
        assert store.picture(sheet.pages[0]) is None
        assert sheet.answers[key("field1")].status == CHECK
    assert list((folder / "pictures").iterdir()) == []


def test_its_owner_alone_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "batch"
    with Store(folder) as store:
        store.add_page(store.add_file("a.pdf", "aa"), page())
    everything = [folder, *folder.rglob("*")]
    assert {path.stat().st_mode & 0o077 for path in everything} == {0}


def test_a_batch_where_nobody_may_write_is_read_and_says_so_when_it_is_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path / "b") as store:
        store.set_meta("model", "one")
    before = (tmp_path / "b" / "batch.sqlite").read_bytes()

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "chmod", refused)
    monkeypatch.setattr("os.access", lambda *_: False)
    with Store(tmp_path / "b", must_exist=True) as store:
        assert store.meta("model") == "one"
        with pytest.raises(ResourceError, match="copy the batch to a place where you may write"):
            store.set_meta("model", "other")
    assert (tmp_path / "b" / "batch.sqlite").read_bytes() == before


def test_a_file_of_a_batch_that_was_locked_is_opened_again(tmp_path: Path) -> None:
    Store(tmp_path / "b").__exit__()
    (tmp_path / "b" / "batch.sqlite").chmod(0o400)
    with Store(tmp_path / "b") as store:
        store.set_meta("model", "other")
    assert (tmp_path / "b" / "batch.sqlite").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_no_batch_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="not a batch"):
        Store(tmp_path)
    with pytest.raises(UsageError, match="not a batch"):
        Store(tmp_path / "new", must_exist=True)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_fault_127_a_damaged_batch_and_a_newer_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "batch.sqlite").write_bytes(b"SQLite format 3\0" + bytes(5000))
    with pytest.raises(DataError, match="damaged"):
        Store(tmp_path / "bad")
    with Store(tmp_path / "new") as store:
        store.set_meta("format", "99")
    with pytest.raises(DataError, match="the mnistry that made it"):
        Store(tmp_path / "new")


def test_fault_127_a_batch_that_was_moved_has_its_pictures(tmp_path: Path) -> None:
    with Store(tmp_path / "batch") as store:
        store.add_page(store.add_file("a.pdf", "aa"), page())
    (tmp_path / "batch").rename(tmp_path / "elsewhere")
    with Store(tmp_path / "elsewhere") as store:
        (sheet,) = store.sheets()
        assert store.picture(sheet.pages[0]) == b"picture"


def test_fault_124_a_full_disk_is_told_and_leaves_the_batch_as_it_was(tmp_path: Path) -> None:
    with Store(tmp_path / "batch") as store:
        file = store.add_file("a.pdf", "aa")
        store.add_page(file, page(1, ink=1))
        database = store._database
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        large = replace(page(2, ink=2), pattern=np.full((2000, 24, 6), 9, np.uint8))
        with pytest.raises(ResourceError, match=r"batch: .*disk is full; free some space"):
            store.add_page(file, large)
        assert not store.has_page(file, 2)
        database.execute("PRAGMA max_page_count = 100000")
        store.add_page(file, large)
        assert len(store.sheets()) == 2


def test_fault_124_a_decision_is_flushed_with_its_folder(tmp_path: Path) -> None:
    with Store(tmp_path / "batch") as store:
        assert store._database.execute("PRAGMA synchronous").fetchone() == (3,)  # EXTRA


def test_what_is_wrong_inside_a_batch_is_told(tmp_path: Path) -> None:
    with Store(tmp_path / "batch") as store:
        store.add_page(store.add_file("a.pdf", "aa"), page())
        for change in ("value = '{'", "value = '{}'", "candidates = '1'", "box = 'x'"):
            store._database.execute(f"UPDATE fields SET {change}")  # noqa: S608
            with pytest.raises(DataError, match="a damaged batch"):
                store.sheets()
        store._database.execute("DROP TABLE pages")
        with pytest.raises(DataError, match="a damaged batch: no such table"):
            store.set_aside()


def test_a_sure_answer_keeps_its_types() -> None:
    values = ["049", 12, Decimal("1.50"), True, None]
    with Store(None) as store:
        answers = {key(str(n)): Answer("", value, 1.0, OK) for n, value in enumerate(values)}
        new = NewPage(1, 1, None, 0, answers, None, (), None, None)
        store.add_page(store.add_file("a.png", "aa"), new)
        (sheet,) = store.sheets()
        assert [answer.value for answer in sheet.answers.values()] == values


def test_adding_a_page_with_a_serial_costs_the_same_in_a_large_batch() -> None:
    def cost(store: Store, number: int) -> int:
        """Return how many hundreds of SQLite's instructions a page takes."""
        done = 0

        def count() -> None:
            nonlocal done
            done += 1

        store._database._connection.set_progress_handler(count, 100)
        store.add_page(store.add_file(f"{number}.png", str(number)), page(serial=number))
        store._database._connection.set_progress_handler(None, 0)
        return done

    with Store(None) as store:
        costs = [cost(store, number) for number in range(1, 301)]
    assert sum(costs[-50:]) <= 3 * sum(costs[:50])
