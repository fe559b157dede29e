"""Run campaigns, and write their figures to ``results.json`` and into the documentation.

python -m torture
python -m torture moments load
python -m torture inputs --count 2000 --only form batch
"""

import argparse
import datetime
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torture import (
    api,
    batches,
    changes,
    inputs,
    load,
    moments,
    protections,
    slowest,
    targets,
    together,
)

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- The figures are those of torture/results.json. -->\n", "<!-- End. -->\n"

CAMPAIGNS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "protections": lambda given: {
        f"{first} to {last}": protections.campaign(
            [one for one in protections.table() if first <= one.fault <= last], given.workers
        )
        for first, last in given.faults
    },
    "changes": lambda given: changes.campaign(every=given.every, workers=given.workers),
    "moments": lambda given: moments.campaign(workers=given.workers),
    "together": lambda _: together.campaign(),
    "batches": lambda given: batches.campaign(every=given.every),
    "slowest": lambda given: slowest.campaign(given.steps),
    "api": lambda _: api.campaign(),
    "load": lambda _: load.campaign(),
    "server": lambda _: load.campaign(of_the_server=True, rate=20),
    "inputs": lambda given: inputs.campaign(given.count, given.only, workers=given.workers),
}


# Campaigns of several parts, each of which may be run alone.
_IN_PARTS = {"protections", "inputs"}
# The parts of "protections" if no faults are named: the first and the last fault of each.
_FAULTS = ((1, 89), (90, 135))


def rows(results: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return table rows, (what, how often, result, when), for each campaign with figures."""
    return [
        row if name in _IN_PARTS else (*row, results[name]["when"])
        for name in CAMPAIGNS
        if name in results
        for row in _ROWS[name](results[name])
    ]


def _protections(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (
            f"a protection removed, of the faults {which}",
            f"{one['removed']} protections",
            f"a test failed {one['removed'] - len(one['unnoticed'])} times",
            one["when"],
        )
        for which, one in found.items()
    ]


_FAILURES = {
    "kill": "killed (`kill -9`) before a change to the disk",
    "torn": "killed in the middle of a write",
    "ENOSPC": "disk full from some moment on",
    "EIO": "a change to the disk fails",
    "short": "a write writes half of the bytes",
}


def _changes(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    wrong = _counted(len(found["wrong"]))
    return [
        (f"a training, {_FAILURES[how]}", f"{count} changes", wrong)
        for how, count in found["tried"].items()
    ]


def _moments(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            "a training, killed at random moments",
            f"{found['kills']} kills of {found['trainings']} trainings, "
            f"{found['kills in training']} of them past the start",
            f"{_counted(len(found['wrong']))}; at most {found['most seconds lost']} s lost",
        )
    ]


def _together(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (f"two {name}", f"{found['rounds']} times", _counted(len(wrong)))
        for name, wrong in found["wrong"].items()
    ]


def _batches(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    wrong = found["wrong"]
    rows = []
    for what in ("reading", "reviewing"):
        for how, words in {**_FAILURES, "power": "the power cut after a change"}.items():
            if count := found["tried"].get(f"{what}, {how}"):
                bad = sum(name.startswith(f"{what}, {how}") for name in wrong)
                rows.append((f"{what} forms, {words}", f"{count} changes", _counted(bad)))
    rounds = found["rounds"]
    for what, words, often in (
        ("two reviewers", "two reviewers of one batch", f"{rounds} times"),
        ("a watched folder", "scans written piece by piece into a watched folder", f"{2 * rounds}"),
    ):
        rows.append((words, often, _counted(what in wrong)))
    return rows


def _slowest(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            "pictures that are slow to read, by hill climbing",
            f"{found['steps']:,} pictures of {slowest.SIDE}x{slowest.SIDE} pixels",
            f"{_counted(len(found['wrong']))}; slowest {found['slowest, s']:.1f} s on one core, "
            f"half of them {found['median, s']:.1f} s or less",
        )
    ]


def _api(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    faults = sum(n for status, n in found["statuses"].items() if int(status) >= 500)
    wrong = len(found.get("wrong", ())) or faults  # older records only have statuses
    statuses = ", ".join(f"{n:,} x {status}" for status, n in found["statuses"].items())
    return [
        ("the studio's API, valid and invalid requests", f"{found['cases']:,} requests",
         f"{_counted(wrong)}; {statuses}")
    ]  # fmt: skip


def _server(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    [(what, often, result)] = _load(found, "`mnistry serve`")
    statuses = ", ".join(f"{n:,} x {status}" for status, n in found["answers"].items())
    return [
        (
            f"{what}, a worker killed {found['workers killed']} times",
            f"{often}; {statuses}",
            f"{_counted(found['answers that changed'])}; {result}",
        )
    ]


def _load(found: dict[str, Any], what: str = "the studio") -> list[tuple[str, str, str]]:
    taken = found["first sixth, last sixth, after"]
    middle, slow = found["median and p99, ms"]
    return [
        (
            f"{what} under load with {load.SLOW} slow clients",
            f"{sum(found['answers'].values()):,} requests in {found['seconds'] / 60:g} minutes, "
            f"{found['slow clients ended']:,} slow clients ended",
            f"median {middle} ms, p99 {slow} ms; in the first sixth, the last sixth and after: "
            + "; ".join(f"{' → '.join(map(str, each))} {name}" for name, each in taken.items()),
        )
    ]


def _inputs(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (
            f"slightly damaged files: {inputs.TITLES[name]}",
            f"{one['inputs']:,} files, {one['outcomes'].get('read', 0):,} of them read",
            f"{_counted(len(one['wrong']))}; slowest {one['slowest, ms'] / 1000:.2f} s, "
            f"largest {one['largest, MB']:g} MB",
            one["when"],
        )
        for name, one in found.items()
    ]


_ROWS: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "protections": _protections, "changes": _changes, "moments": _moments, "together": _together,
    "batches": _batches, "slowest": _slowest, "api": _api, "load": _load, "server": _server,
    "inputs": _inputs,
}  # fmt: skip


def _counted(wrong: int) -> str:
    return "nothing wrong" if wrong == 0 else f"**{wrong} wrong**"


def write_page(record: dict[str, Any], page: Path = PAGE) -> None:
    """Write the figures into the page, between its two marks."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows(record["campaigns"]))
    page.write_text(
        f"{before}{BEGIN}\n| what | how often | result | when, and on how many cores |\n"
        f"|---|---|---|---|\n{table}\n{END}{after}",
        encoding="utf-8",
    )


def main() -> None:
    """Run the named campaigns, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CAMPAIGNS))
    parser.add_argument(
        "--faults", nargs=2, type=int, action="append", metavar=("FIRST", "LAST"),
        help="remove the protections against these; may be given again",
    )  # fmt: skip
    parser.add_argument("--count", type=int, default=20_000, help="damaged files of each kind")
    parser.add_argument(
        "--only", nargs="*", metavar="KIND", default=list(targets.TARGETS),
        choices=targets.TARGETS, help=f"kinds of files: {', '.join(targets.TARGETS)}",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=1000, help="pictures that are slow to read")
    parser.add_argument("--every", type=int, default=1, help="try one change in this many")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    given = parser.parse_args()
    given.faults = given.faults or _FAULTS
    names = given.names or list(CAMPAIGNS)
    if unknown := set(names) - set(CAMPAIGNS):
        parser.error(f"no campaign is called {', '.join(sorted(unknown))}")
    path = HERE / "results.json"
    for name in names:
        found = CAMPAIGNS[name](given)
        record = json.loads(path.read_text()) if path.exists() else {"campaigns": {}}
        campaigns = record["campaigns"]
        when = {"when": f"{datetime.date.today().isoformat()}, {os.cpu_count()}"}
        if name in _IN_PARTS:  # parts that were not asked for keep their figures
            new = {part: {**one, **when} for part, one in found.items()}
            campaigns[name] = {**campaigns.get(name, {}), **new}
        else:
            campaigns[name] = {**found, **when}
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(name, json.dumps(found, indent=1), flush=True)
        write_page(record)
    # `_counted` writes what is wrong in bold.
    if any("**" in cell for row in rows(campaigns) for cell in row):
        sys.exit(f"something is wrong: see {PAGE}")


if __name__ == "__main__":
    main()
