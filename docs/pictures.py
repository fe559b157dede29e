"""Make the pictures of the README: what a terminal shows, as SVG, and what the doctor draws.

Run it where mnistry is installed: ``python docs/pictures.py``.
"""

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.text import Text

import mnistry as package

HERE = Path(__file__).parent / "images"

# Rich's own page fetches a font from elsewhere; the reader's own monospaced font will do.
PAGE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def terminal_output(command: list[str], columns: int, folder: Path) -> str:
    """Run a command in a terminal of its own, and return what it wrote there."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ |= {"COLUMNS": str(columns), "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.execvp(command[0], command)
    chunks = []
    with contextlib.suppress(OSError):  # what reading a closed terminal raises
        while chunk := os.read(terminal, 65536):
            chunks.append(chunk)
    os.waitpid(pid, 0)
    return b"".join(chunks).decode()


def last_states(output: str) -> str:
    """Keep only the last state of each line that was redrawn."""
    lines = output.replace("\r\n", "\n").split("\n")
    return "\n".join(re.split(r"\r(?:\x1b\[K)?", line)[-1] for line in lines).strip("\n")


def draw(name: str, commands: list[list[str]], columns: int, folder: Path) -> None:
    """Run commands one after the other and draw all that they show as ``images/NAME.svg``."""
    console = Console(record=True, width=columns, file=io.StringIO(), highlight=False)
    for command in commands:
        shown = " ".join(Path(part).name if part == command[0] else part for part in command)
        console.print(Text(f"$ {shown}", "bold"))
        console.print(Text.from_ansi(last_states(terminal_output(command, columns, folder))))
        console.print()
    console.save_svg(str(HERE / f"{name}.svg"), title="mnistry", code_format=PAGE, unique_id=name)


def draw_diagnosis(mnistry: str, folder: Path) -> None:
    """Draw ``images/doctor.png``: the doctor's picture of a faint two on shadowed paper."""
    images, _ = package.load("sample").train
    ink = np.array(Image.fromarray(images[1]).resize((140, 140), Image.Resampling.BICUBIC)) / 255
    rows, columns = np.mgrid[0:400, 0:520]
    light = 215 - 0.12 * columns - 0.15 * rows
    light[20:160, 340:480] *= 1 - 0.35 * ink
    Image.fromarray(light.astype(np.uint8)).save(folder / "two.png")
    picture = HERE / "doctor.png"
    subprocess.run([mnistry, "doctor", "two.png", "-o", str(picture)], cwd=folder, check=True)


def main() -> None:
    """Draw every picture."""
    mnistry = str(Path(sys.executable).with_name("mnistry"))
    with tempfile.TemporaryDirectory() as folder:
        draw(
            "train",
            [[mnistry, "show", "7", "18", "8"], [mnistry, "train", "-o", "runs/first"]],
            100,
            Path(folder),
        )
        draw_diagnosis(mnistry, Path(folder))


if __name__ == "__main__":
    main()
