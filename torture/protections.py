"""Remove every protection in turn, and check that a test fails.

For each fault, ``protections.toml`` names the lines that protect against it, their replacement
without the protection, and the test that must then fail. A test that still passes proves nothing.

    python -m torture.protections
    python -m torture.protections --only 12 63
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("protections.toml")
_LONGEST = 900.0  # seconds for all the tests


@dataclass(frozen=True)
class Protection:
    """The protection against one fault.

    Attributes
    ----------
    fault, what
        The fault's number and name.
    test
        The test that fails without the protection, by pytest's name.
    edits
        File below ``src/mnistry``, the lines that protect, and their replacement.
    """

    fault: int
    what: str
    test: str
    edits: tuple[tuple[str, str, str], ...]

    def remove(self, source: Path) -> None:
        """Remove the protection from a copy of ``src/mnistry``."""
        for name, lines, without in self.edits:
            path = source / name
            text = path.read_text()
            if text.count(lines) != 1:
                raise ValueError(f"fault {self.fault}: {name} must contain exactly once: {lines!r}")
            path.write_text(text.replace(lines, without))


def table() -> list[Protection]:
    """Read ``protections.toml``."""
    faults = tomllib.loads(TABLE.read_text())["fault"]
    return [
        Protection(
            fault["number"],
            fault["what"],
            fault["test"],
            tuple((edit["file"], edit["lines"], edit["without"]) for edit in fault["edit"]),
        )
        for fault in faults
    ]


def test(names: Sequence[str], source: Path) -> subprocess.CompletedProcess[str]:
    """Run tests against the package below `source`."""
    return subprocess.run(
        [
            sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
            "-m", "slow or not slow", *names,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=_LONGEST,
    )  # fmt: skip


def is_noticed(protection: Protection) -> bool:
    """Return whether the test fails, other than in its setup, without the protection."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "src")
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        protection.remove(source / "mnistry")
        last = test([protection.test], source).stdout.rstrip().rpartition("\n")[2]
        return " failed" in last and " error" not in last


def campaign(protections: Sequence[Protection], workers: int) -> dict[str, Any]:
    """Remove each protection in turn; return how many, and the faults for which no test failed."""
    whole = test(sorted({protection.test for protection in protections}), ROOT / "src")
    if whole.returncode:
        raise SystemExit(f"with every protection in place:\n{whole.stdout}")
    with ThreadPoolExecutor(workers) as pool:
        noticed = list(pool.map(is_noticed, protections))
    unnoticed = [p.fault for p, seen in zip(protections, noticed, strict=True) if not seen]
    return {"removed": len(protections), "unnoticed": unnoticed}


def main() -> None:
    """Run the campaign, and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, nargs="*", help="these faults")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    chosen = [p for p in table() if not arguments.only or p.fault in arguments.only]
    print(campaign(chosen, arguments.workers))


if __name__ == "__main__":
    main()
