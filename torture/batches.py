"""Read forms and review them on a disk that fails; kill both; cut the power.

As `changes.py` does for trainings, each change that ``mnistry form read`` and a review make to the
disk fails in turn. Then the same is done again, and the batch must say what an undisturbed one
says. After the power was cut at any change, no decision may be lost that was said to be kept.

    python -m torture.batches
    python -m torture.batches --every 20 --how kill
"""

import argparse
import collections
import functools
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import cv2

from mnistry import Reader
from mnistry.errors import MnistryError
from mnistry.forms import batch, form_json, output
from mnistry.forms.definition import Form
from mnistry.forms.loading import load
from mnistry.forms.reading import FormReader
from mnistry.forms.rules import name_of
from mnistry.forms.store import NewPage, Store
from tests.forms import filled
from torture import disk
from torture.child import HOWS
from torture.together import both_end, start

# How a reading may end: with the exit code of a full or failing disk, or killed by signal 9.
_RESOURCES, _KILLED = 7, -9
_SCALE = 0.5  # of the scans, beside the drawn sheets
STATIONS = ("049", "317")  # one for each sheet


class Trials:
    """A form, two filled sheets with fields that are to be checked, and what becomes of them.

    Attributes
    ----------
    place
        Its folder: FORM.toml, the scans, and ``read``, a folder with a batch of them.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.form: Form = load(filled.write_form(place))
        self.scans = [place / f"{station}.png" for station in STATIONS]
        self._reader = Reader(threads=1)
        self._form_reader = FormReader(self.form, self._reader)
        # In this process each scan is read once, since nothing here changes it.
        self._read_page = functools.cache(batch.read_page)
        for scan, station in zip(self.scans, STATIONS, strict=True):
            sheet = filled.fill({"station": station, "count": " 12 ", "depth": "26"})
            for name in ("station", "depth"):  # struck out
                x, y, width, height = (round(v * filled.SCALE) for v in filled.BOXES[name])
                cv2.line(sheet, (x + 8, y + height - 8), (x + width - 8, y + 8), 40, 5)
            cv2.imwrite(str(scan), filled.scan(sheet, scale=_SCALE))
        self.read_again(place / "read")

    def read_again(self, folder: Path) -> None:
        """Read the scans into the batch below a folder, in this process."""
        folder.mkdir(exist_ok=True)
        with Store(folder / "batch") as store:
            store.set_meta("form", form_json.dumps(self.form))
            with mock.patch.object(batch, "read_page", self._page):
                batch.read(self.form, self._reader, store, self.scans)

    def _page(self, _: FormReader, *page: Any) -> NewPage:
        return self._read_page(self._form_reader, *page)

    def reading(self, folder: Path) -> list[object]:
        """Return the command that reads them."""
        return [
            sys.executable, "-m", "mnistry", "form", "read", self.form.path, *self.scans, "--batch",
            folder / "batch",
        ]  # fmt: skip

    def outcome(self, folder: Path) -> list[tuple[object, ...]]:
        """Return what a batch says, and which pages it has."""
        with Store(folder / "batch", must_exist=True) as store:
            found = output.results(self.form, store)
            pages = [(Path(p.file).name, p.number) for s in store.sheets() for p in s.pages]
        said = [
            (name_of(at), answer.text, answer.status, str(answer.value))
            for one in found
            for at, answer in one.answers.items()
        ]
        return [*pages, *said]


def reviewing(folder: Path, who: str = "eva") -> list[object]:
    """Return the command that decides the fields of a batch below a folder."""
    return [sys.executable, "-m", "torture.reviewing", folder / "batch", who]


def kept(folder: Path) -> set[tuple[str, str]]:
    """Return the decisions in a batch: who made them, and about which field."""
    if not (folder / "batch" / "batch.sqlite").exists():
        return set()
    with Store(folder / "batch") as store:
        return {
            (decision.who, f"{sheet.id}/{at[0]}/{at[1]}/{at[2]}")
            for sheet in store.sheets()
            for at, decision in sheet.decisions.items()
        }


def said_to_be_kept(folder: Path) -> set[tuple[str, str]]:
    """Return the decisions that a review said were kept; the last line may be half written."""
    path = folder / "said"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return {(who, name) for who, _, name in (line.partition(" ") for line in lines)}


def damage(folder: Path) -> list[str]:
    """Return what SQLite finds wrong with a batch; nothing if there is none."""
    path = folder / "batch" / "batch.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        found = database.execute("PRAGMA integrity_check").fetchone()[0]
    return [] if found == "ok" else [f"left {found}"]


def try_one(trials: Trials, what: str, at: int, how: str, expected: Any) -> list[str]:
    """Let one change fail, do the same again, and return what is wrong."""
    with tempfile.TemporaryDirectory(dir=trials.place) as name:
        folder, log = Path(name, "work"), Path(name, "log")
        _begin(trials, what, folder)
        command = _command(trials, what, folder)
        done = disk.run(command, folder, log, at, how)
        wrong = damage(folder)
        if "Traceback" in done.stderr and what == "reading":
            wrong.append("traceback: " + done.stderr[-600:])
        ends = {"kill": {_KILLED}, "torn": {_KILLED}, "short": {0}}.get(how, {0, _RESOURCES})
        if what == "reading" and done.returncode not in ends:
            wrong.append(f"exit {done.returncode}: {done.stderr[-300:]}")
        if lost := said_to_be_kept(folder) - kept(folder):
            wrong.append(f"lost {lost}")
        return wrong + _again(trials, what, folder, expected)


def _begin(trials: Trials, what: str, folder: Path) -> None:
    if what == "reviewing":
        shutil.copytree(trials.place / "read", folder)
    else:
        folder.mkdir()


def _command(trials: Trials, what: str, folder: Path) -> list[object]:
    return reviewing(folder) if what == "reviewing" else trials.reading(folder)


def _again(trials: Trials, what: str, folder: Path, expected: Any) -> list[str]:
    """Do it again, undisturbed; return what is wrong then."""
    try:
        trials.read_again(folder)
        if what == "reviewing":
            from torture import reviewing as child

            child.main(folder / "batch", "eva")
        if trials.outcome(folder) != expected:
            return ["the batch says something else than an undisturbed one"]
    except MnistryError as error:
        return [f"cannot be done again: {error}"]
    return []


def cut_power(trials: Trials, what: str, log: Sequence[disk.Change], expected: Any) -> list[str]:
    """Cut the power after these changes, in two ways; return what is wrong."""
    wrong = []
    for names_at_once in (False, True):
        with tempfile.TemporaryDirectory(dir=trials.place) as name:
            folder, before = Path(name, "work"), Path(name, "before")
            folder.mkdir()
            _begin(trials, what, before)
            disk.cut_power(before, log, folder, names_at_once=names_at_once)
            said = {
                tuple(one.data.decode().rstrip("\n").split(" ", 1))
                for one in log
                if (one.kind, one.path) == ("write", "said")
            }
            wrong += damage(folder)
            if lost := said - kept(folder):
                wrong.append(f"lost {lost}")
            wrong += _again(trials, what, folder, expected)
            if what == "reading" and (blank := _pages_without_picture(folder)):
                wrong.append(f"no picture of {blank}")
    return wrong


def _pages_without_picture(folder: Path) -> list[str]:
    with Store(folder / "batch") as store:
        return [
            page.file for sheet in store.sheets() for page in sheet.pages
            if store.picture(page) is None
        ]  # fmt: skip


def two_reviewers(trials: Trials, rounds: int) -> list[str]:
    """Let two people review one batch at once: every decision of both is kept."""
    wrong = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=trials.place) as name:
            folder = Path(name, "work")
            _begin(trials, "reviewing", folder)
            processes = [start([str(a) for a in reviewing(folder, who)[1:]], disk.ROOT)
                         for who in ("eva", "tom")]  # fmt: skip
            codes, said = both_end(processes)
            if codes != [0, 0]:
                wrong.append(f"ended with {codes}: {said[-300:]}")
            with closing(sqlite3.connect(folder / "batch" / "batch.sqlite")) as database:
                rows = database.execute(
                    "SELECT who, sheet || '/' || tbl || '/' || row || '/' || name FROM decisions"
                    " WHERE undone IS NULL"
                ).fetchall()
            if lost := said_to_be_kept(folder) - set(rows):
                wrong.append(f"lost {lost}")
            if len({name for _, name in rows}) != 4:  # two sheets, two struck-out fields each
                wrong.append(f"{len(rows)} decisions")
    return wrong


def watched_folder(trials: Trials, scans: int, seed: int = 0) -> list[str]:
    """Write scans piece by piece into a folder that is watched: each is read once, and whole."""
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=trials.place) as name:
        inbox, folder = Path(name, "inbox"), Path(name, "work")
        inbox.mkdir()
        folder.mkdir()
        content = trials.scans[0].read_bytes()

        def write(number: int) -> None:
            with (inbox / f"{number}.png").open("wb", buffering=0) as file:
                size = 1 + len(content) // 4
                for place in range(0, len(content), size):
                    time.sleep(moments.uniform(0, 4))
                    file.write(content[place : place + size])
                file.write(bytes([number]))  # behind its end: so that no two files are the same

        writers = [threading.Thread(target=write, args=(number,)) for number in range(scans)]
        for writer in writers:
            writer.start()
        command = [*trials.reading(folder)[1:5], trials.form.path, "--batch", folder / "batch",
                   "--watch", inbox]  # fmt: skip
        process = start([str(a) for a in command], disk.ROOT)
        for writer in writers:
            writer.join()
        wrong: list[str] = []
        for _ in range(240):
            time.sleep(0.5)
            if (folder / "batch" / "batch.sqlite").exists():
                with Store(folder / "batch") as store:
                    aside = store.set_aside()
                    pages = [page for sheet in store.sheets() for page in sheet.pages] + aside
                if len(pages) >= scans:
                    break
        process.terminate()
        process.communicate(timeout=60)
        names = collections.Counter(Path(page.file).name for page in pages)
        wrong += [f"{page.file}: {page.problem}" for page in aside if not page.is_double]
        if names != collections.Counter(f"{number}.png" for number in range(scans)):
            wrong.append(f"read {dict(names)}")
        return wrong


def campaign(
    hows: Sequence[str] = HOWS, every: int = 1, seed: int = 0, rounds: int = 5
) -> dict[str, Any]:
    """Try each change in each way, or one in `every`; list what is wrong."""
    chosen = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        trials = Trials(Path(name))
        tried: collections.Counter[str] = collections.Counter()
        numbers, wrong = {}, {}
        for what in ("reading", "reviewing"):
            folder, log = trials.place / f"{what}-whole", trials.place / f"{what}.log"
            _begin(trials, what, folder)
            done = disk.run(_command(trials, what, folder), folder, log)
            if done.returncode:
                raise SystemExit(done.stderr)
            expected, whole = trials.outcome(folder), disk.changes(log, folder)
            numbers[what] = len(whole)
            every_trial: list[tuple[int, str]] = [
                (at, how)
                for how in hows
                for at, one in enumerate(whole, 1)
                if how not in ("torn", "short") or one.kind == "write"
            ]
            for at, how in chosen.sample(every_trial, len(every_trial) // every):
                tried[f"{what}, {how}"] += 1
                if found := try_one(trials, what, at, how, expected):
                    change = whole[at - 1]
                    wrong[f"{what}, {how} at {at} {change.kind} {change.path}"] = found
            # A power cut starts no process, so six times as many are tried.
            for at in range(0, len(whole) + 1, max(1, every // 6)):
                tried[f"{what}, power"] += 1
                if found := cut_power(trials, what, whole[:at], expected):
                    wrong[f"{what}, power after {at}"] = found
        others: dict[str, Callable[[], list[str]]] = {
            "two reviewers": lambda: two_reviewers(trials, rounds),
            "a watched folder": lambda: watched_folder(trials, 2 * rounds),
        }
        for what, trial in others.items():
            if found := trial():
                wrong[what] = found
    return {"changes": numbers, "tried": dict(tried), "rounds": rounds, "wrong": wrong}


def main() -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--how", nargs="*", choices=HOWS, default=HOWS)
    parser.add_argument("--every", type=int, default=1, help="try one change in this many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(json.dumps(campaign(given.how, given.every, given.seed, given.rounds), indent=2))


if __name__ == "__main__":
    main()
