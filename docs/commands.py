"""The reference of the commands: what ``--help`` says, as Markdown, by Typer's own tool."""

import os
import re
import subprocess
import sys


def reference() -> str:
    """Give a section for each command, with all of its arguments and options."""
    typer = [sys.executable, "-m", "typer", "mnistry.cli", "utils", "docs", "--name", "mnistry"]
    settings = {**os.environ, "PYTHONUTF8": "1"}
    made = subprocess.run(typer, capture_output=True, check=True, env=settings).stdout.decode()
    # Typer cuts the sentences in its lists of commands short; they stand whole further down.
    made = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+", "", made)
    return made[made.index("\n## ") + 1 :]
