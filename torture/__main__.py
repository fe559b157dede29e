"""Run campaigns, and write their figures to ``results.json`` and into the documentation.

python -m torture
python -m torture moments load
"""

import argparse
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torture import api, changes, inputs, load, moments, protections, together

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- The figures are those of torture/results.json. -->\n", "<!-- End. -->\n"
WORKERS = os.cpu_count() or 1

CAMPAIGNS: dict[str, Callable[[], dict[str, Any]]] = {
    "protections": lambda: protections.campaign(protections.table(), WORKERS),
    "changes": lambda: changes.campaign(workers=WORKERS),
    "moments": lambda: moments.campaign(workers=WORKERS),
    "together": together.campaign,
    "api": api.campaign,
    "load": load.campaign,
    "inputs": lambda: inputs.campaign(workers=WORKERS),
}


def rows(results: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return table rows, (what, how often, result), for each campaign with figures."""
    return [row for name in CAMPAIGNS if name in results for row in _ROWS[name](results[name])]


def _protections(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    noticed = found["removed"] - len(found["unnoticed"])
    return [
        (
            "a protection removed",
            f"{found['removed']} faults",
            f"a test failed {noticed} times",
        )
    ]


def _changes(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    what = {
        "kill": "killed (`kill -9`) before a change to the disk",
        "torn": "killed in the middle of a write",
        "ENOSPC": "disk full from some moment on",
        "EIO": "a change to the disk fails",
        "short": "a write writes half of the bytes",
    }
    wrong = _counted(len(found["wrong"]))
    return [
        (f"a training, {what[how]}", f"{count} changes", wrong)
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


def _api(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    faults = sum(n for status, n in found["statuses"].items() if int(status) >= 500)
    wrong = len(found.get("wrong", ())) or faults  # older records only have statuses
    statuses = ", ".join(f"{n:,} x {status}" for status, n in found["statuses"].items())
    return [
        ("the studio's API, valid and invalid requests", f"{found['cases']:,} requests",
         f"{_counted(wrong)}; {statuses}")
    ]  # fmt: skip


def _load(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    taken = found["first sixth, last sixth, after"]
    middle, slow = found["median and p99, ms"]
    return [
        (
            f"the studio under load with {load.SLOW} slow clients",
            f"{sum(found['answers'].values()):,} requests in {found['seconds'] / 60:g} minutes, "
            f"{found['slow clients ended']:,} slow clients ended",
            f"median {middle} ms, p99 {slow} ms; in the first sixth, the last sixth and after: "
            + "; ".join(f"{' → '.join(map(str, taken[what]))} {what}" for what in taken),
        )
    ]


def _inputs(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (
            f"slightly damaged files: {inputs.TITLES[name]}",
            f"{one['inputs']:,} files, {one['outcomes'].get('read', 0):,} of them read",
            f"{_counted(len(one['wrong']))}; slowest {one['slowest, ms'] / 1000:.2f} s, "
            f"largest {one['largest, MB']:g} MB",
        )
        for name, one in found.items()
    ]


_ROWS = {
    "protections": _protections, "changes": _changes, "moments": _moments, "together": _together,
    "api": _api, "load": _load, "inputs": _inputs,
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
        f"{before}{BEGIN}{record['date']}, {record['machine']}.\n\n"
        f"| what | how often | result |\n|---|---|---|\n{table}{END}{after}",
        encoding="utf-8",
    )


def main() -> None:
    """Run the named campaigns, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CAMPAIGNS))
    names = parser.parse_args().names or list(CAMPAIGNS)
    if unknown := set(names) - set(CAMPAIGNS):
        parser.error(f"no campaign is called {', '.join(sorted(unknown))}")
    path = HERE / "results.json"
    record = json.loads(path.read_text()) if path.exists() else {"campaigns": {}}
    for name in names:
        record["campaigns"][name] = CAMPAIGNS[name]()
        record["date"] = datetime.date.today().isoformat()
        record["machine"] = f"{WORKERS} cores, Python {platform.python_version()}"
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(name, json.dumps(record["campaigns"][name], indent=1), flush=True)
        write_page(record)
    if any("**" in cell for row in rows(record["campaigns"]) for cell in row):
        sys.exit(f"something is wrong: see {PAGE}")


if __name__ == "__main__":
    main()
