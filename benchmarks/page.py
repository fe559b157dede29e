"""Measure how long the page of `mnistry export --format html` takes from a stroke to the answer.

    python benchmarks/page.py RUN [--rounds 3]

The page of RUN, of the classic network say, and that of the built-in network are opened in
Chromium, and digits are drawn. Every movement of the pen is answered: the drawing is brought to
MNIST's form, the network computes, and the answer and its probabilities are shown; nodes and sums
follow with the next frame. Printed are milliseconds, without those of the first digit, for which
the browser compiles. Measure on a quiet machine.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

_OBSERVE = """() => {
  globalThis.answers = [];
  new PerformanceObserver((list) => answers.push(...list.getEntries().map((one) => one.duration)))
    .observe({ type: "measure" });
}"""
_SEVEN = [(0.3, 0.2), (0.65, 0.2), (0.4, 0.85)]
_TWO = [(0.35, 0.3), (0.5, 0.15), (0.65, 0.3), (0.35, 0.85), (0.7, 0.85)]


def measure(browser: Browser, page_file: Path) -> list[float]:
    """Draw on a page, and return the milliseconds of each answer."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_file.as_uri())
    page.evaluate(_OBSERVE)
    box = page.locator("#pad").bounding_box()
    if box is None:
        raise RuntimeError("the page has no pad")
    for number, points in enumerate((_SEVEN, _TWO, _SEVEN, _TWO)):
        if number == 1:
            page.evaluate("answers.length = 0")
        page.locator("#clear").evaluate("(button) => button.click()")
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=10)
        page.mouse.up()
    page.wait_for_timeout(100)
    found: list[float] = page.evaluate("answers")
    page.close()
    return found


def main() -> None:
    """Export both pages, draw on them, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, given in (("run", [arguments.run]), ("built-in", [])):
            file = Path(folder, f"{name}.html")
            command = [sys.executable, "-m", "mnistry", "export", *given, "-o", str(file)]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            rounds = [measure(browser, file) for _ in range(arguments.rounds)]
            answers = [answer for found in rounds for answer in found]
            line = {
                "network": name,
                "megabytes": round(file.stat().st_size / 1e6, 2),
                "answers": len(answers),
                "median_ms": round(statistics.median(answers), 1),
                "p95_ms": round(statistics.quantiles(answers, n=20)[-1], 1),
            }
            print(json.dumps(line), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
