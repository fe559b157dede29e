"""Re-run published results on MNIST, a row at a time, and write the tables of `docs/literature.md`.

Each row is trained on all 60,000 training images and reads the test images once. Results are kept
in `literature.json` after every run, so that the table can be made in parts. Seconds are those of
the processor, of all cores together.

    python benchmarks/literature.py linear k-nearest
    python benchmarks/literature.py lenet-5 --seeds 5
    python benchmarks/literature.py linear-cross-entropy
"""

import argparse
import importlib
import inspect
import json
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import processes
import results
from matplotlib.figure import Figure

import mnistry
from mnistry.recipes import literature
from mnistry.recipes.literature import deskew
from mnistry.recipes.literature.published import Published

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "literature.md"
PICTURES = PAGE.parent / "images"
JSON = HERE / "literature.json"
ROWS = literature.CLASSICAL + literature.RECIPES
Measured = dict[str, dict[str, list[dict[str, Any]]]]


def module(row: str) -> ModuleType:
    """Import a row's page of code."""
    return importlib.import_module(f"mnistry.recipes.literature.{row.replace('-', '_')}")


def run(row: str, seed: int) -> dict[str, Any]:
    """Train a row with one seed, and score it on the test images."""
    if row in literature.RECIPES:
        return train(["--recipe", row], seed)
    fit = module(row).fit
    return classify(lambda images, labels: fit(images, labels, **_seed_if_taken(fit, seed)), seed)


def _seed_if_taken(fit: Callable[..., Any], seed: int) -> dict[str, int]:
    return {"seed": seed} if "seed" in inspect.signature(fit).parameters else {}


def classify(
    fit: Callable[..., Any], seed: int = 0, change: Callable[[Any], Any] = lambda images: images
) -> dict[str, Any]:
    """Fit a classifier, with the images changed if need be, and count its mistakes."""
    (images, labels), (others, answers) = mnistry.load("mnist")
    images, others = change(images), change(others)
    started = time.process_time()
    found = fit(images, labels)(others)
    return {
        "seed": seed,
        "error": round(100 * float(np.mean(found != answers)), 2),
        "seconds": round(time.process_time() - started, 1),
        "machine": results.machine(),
    }


def train(
    options: list[str], seed: int, change: Callable[[Any], Any] | None = None
) -> dict[str, Any]:
    """Train a network as a user does, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name), "mnist"
        if change is not None:
            (images, labels), (others, answers) = mnistry.load("mnist")
            arrays = {"x_train": change(images), "x_test": change(others)}
            data = str(folder / "changed.npz")
            np.savez(data, y_train=labels, y_test=answers, **arrays)
        command = [processes.MNISTRY, "train", "--data", data, "--json", *options]
        before = _children_seconds()
        done = processes.run([*command, "--seed", seed, "-o", folder / "run"])
    return {
        "seed": seed,
        "error": round(100 * (1 - done.value["test_accuracy"]), 2),
        "seconds": round(_children_seconds() - before, 1),
        "machine": results.machine(),
    }


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def in_box(images: np.ndarray) -> np.ndarray:
    """Move each digit so that its box, not its ink's mass, is in the middle of the 28x28 pixels."""
    moved = np.zeros_like(images)
    for image, out in zip(images, moved, strict=True):
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        top, left = ((28 - length) // 2 for length in ink.shape)
        out[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return moved


def smaller(images: np.ndarray) -> np.ndarray:
    """Make digits of 20x20 pixels 16x16, in the middle of the 28x28 pixels."""
    inner = [cv2.resize(image, (22, 22), interpolation=cv2.INTER_AREA) for image in images]
    return np.pad(np.stack(inner), ((0, 0), (3, 3), (3, 3)))


# Experiments that explain a difference: how each is run, and what it is.
EXPERIMENTS: dict[str, tuple[str, Callable[[int], dict[str, Any]]]] = {
    "linear-cross-entropy": (
        "the linear classifier by cross-entropy",
        lambda seed: train(["--network", "linear", "--epochs", "20", "--optimizer", "adam"], seed),
    ),
    "k-nearest-by-box": (
        "k-nearest neighbours, digits centred by their box",
        lambda seed: classify(module("k-nearest").fit, seed, in_box),
    ),
    "k-nearest-deskewed-by-box": (
        "k-nearest neighbours, deskewed digits centred by their box",
        lambda seed: classify(
            module("k-nearest").fit, seed, lambda images: in_box(deskew.deskew(images))
        ),
    ),
    "k-nearest-fewer": (
        "k-nearest neighbours of the first 12,000 training images",
        lambda seed: classify(
            lambda images, labels: module("k-nearest").fit(images[:12_000], labels[:12_000]), seed
        ),
    ),
    "rbf-units-narrow": (
        "1,000 radial basis functions, of 0.6 of the width",
        lambda seed: classify(
            lambda images, labels: module("rbf-units").fit(images, labels, seed, width=0.6), seed
        ),
    ),
    "mlp-300-short": (
        "300 hidden units, squared error, 7 passes instead of 20",
        lambda seed: train(["--recipe", "mlp-300", "--epochs", "7"], seed),
    ),
    "mlp-1000-short": (
        "1,000 hidden units, squared error, 14 passes instead of 20",
        lambda seed: train(["--recipe", "mlp-1000", "--epochs", "14"], seed),
    ),
    "mlp-300-100-short": (
        "300 + 100 hidden units, squared error, 6 passes instead of 20",
        lambda seed: train(["--recipe", "mlp-300-100", "--epochs", "6"], seed),
    ),
    "lenet-1-smaller": (
        "LeNet-1, digits of 16x16 pixels",
        lambda seed: train(["--recipe", "lenet-1"], seed, smaller),
    ),
    "svm-without-virtual": (
        "the virtual support vector machine on its 10,000 images, without the virtual ones",
        lambda seed: classify(
            lambda images, labels: module("virtual-svm").fit(images, labels, virtual=False), seed
        ),
    ),
}


def load() -> Measured:
    """Read what was measured so far."""
    if JSON.exists():
        return json.loads(JSON.read_text())
    return {"rows": {}, "experiments": {}}


def save(measured: Measured) -> None:
    """Write the results, the page's table and the figures."""
    ordered = {
        "rows": {row: measured["rows"][row] for row in ROWS if row in measured["rows"]},
        "experiments": {
            name: measured["experiments"][name]
            for name in EXPERIMENTS
            if name in measured["experiments"]
        },
    }
    JSON.write_text(json.dumps(ordered, indent=1) + "\n")
    if PAGE.exists():
        PAGE.write_text(with_tables(PAGE.read_text(), ordered))
    figures(ordered)


def with_tables(page: str, measured: Measured) -> str:
    """Return the page with its two tables made anew."""
    for name, made in (("rows", table(measured)), ("experiments", experiments(measured))):
        page = re.sub(
            rf"(?<=<!-- {name} -->\n).*?(?=\n<!-- end of {name} -->)",
            lambda _, made=made: made,
            page,
            flags=re.DOTALL,
        )
    return page


def table(measured: Measured) -> str:
    """Write the table: published beside re-run."""
    lines = [
        "| row | year | what | published, % | re-run, % | seeds | CPU seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        ones = measured["rows"].get(row, [])
        published: Published = module(row).PUBLISHED
        error = "a curve" if published.error is None else f"{published.error:g}"
        what = f"| `{row}` | {published.year or '–'} | {published.method} | {error}"
        lines.append(f"{what} | {_cells(ones)} |")
    return "\n".join(lines)


def experiments(measured: Measured) -> str:
    """Write the table of the experiments."""
    lines = ["| experiment | error, % | seeds | CPU seconds |", "|---|---|---|---|"]
    for name, ones in measured["experiments"].items():
        lines.append(f"| {EXPERIMENTS[name][0]} (`{name}`) | {_cells(ones)} |")
    return "\n".join(lines)


def _cells(ones: list[dict[str, Any]]) -> str:
    if not ones:
        return "not run yet | 0 | –"
    errors = [one["error"] for one in ones]
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
    seconds = statistics.median(one["seconds"] for one in ones)
    return f"{statistics.mean(errors):.2f}{spread} | {len(errors)} | {seconds:.0f}"


def figures(measured: Measured) -> None:
    """Draw the errors in the order of the years, and against the seconds."""
    found = sorted(
        [
            (module(row).PUBLISHED, row, statistics.mean(one["error"] for one in ones), ones)
            for row, ones in measured["rows"].items()
        ],
        key=lambda one: one[0].year or 0,
    )
    figure = Figure((7, 4.8), layout="constrained")
    axes = figure.subplots()
    for place, (published, _, ours, _) in enumerate(found):
        first = place == 0
        if published.error is not None:
            axes.plot([place, place], [published.error, ours], "-", color="#cccccc", zorder=0)
            label = "published" if first else None
            axes.plot(place, published.error, "o", color="#999999", label=label)
        axes.plot(place, ours, "x", color=results.BLUE, label="re-run" if first else None)
        if first or published.year != found[place - 1][0].year:
            axes.axvline(place - 0.5, color="#dddddd", linewidth=0.8, zorder=0)
            year = str(published.year or "–")
            axes.text(place - 0.4, 18, year, fontsize=8, rotation=90)
    rows = [row for _, row, _, _ in found]
    axes.legend(frameon=False)
    axes.set_xticks(range(len(rows)), rows, rotation=90, fontsize=8)
    _finish(figure, axes, "literature-year.png")

    figure = Figure((7.5, 4.5), layout="constrained")
    axes = figure.subplots()
    by_error = sorted(found, key=lambda one: -one[2])
    for number, (_, row, ours, ones) in enumerate(by_error, start=1):
        seconds = statistics.median(one["seconds"] for one in ones)
        label = f"{number}  {row}"
        axes.plot(seconds, ours, "o", color=results.BLUE, label=label, markersize=12)
        axes.annotate(
            str(number), (seconds, ours), fontsize=7, color="white", ha="center", va="center"
        )
    axes.set_xscale("log")
    axes.set_xlabel("CPU seconds to train and to read the test images")
    names = [one.get_label() for one in axes.get_lines()]
    axes.text(1.03, 0.5, "\n".join(names), transform=axes.transAxes, fontsize=8, va="center")
    _finish(figure, axes, "literature-seconds.png")


def _finish(figure: Figure, axes: Any, name: str) -> None:
    axes.set_yscale("log")
    axes.set_ylim(0.3, 30)
    axes.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    axes.set_yticks([], minor=True)
    axes.set_ylabel("errors of 100 test images")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURES / name, dpi=100)


def measure(name: str, seed: int) -> None:
    """Run a row or an experiment, unless it was run before, and keep the result at once."""
    group = "rows" if name in ROWS else "experiments"
    if any(done["seed"] == seed for done in load()[group].get(name, [])):
        return
    result = run(name, seed) if name in ROWS else EXPERIMENTS[name][1](seed)
    print(name, result, file=sys.stderr, flush=True)
    measured = load()
    measured[group].setdefault(name, []).append(result)
    save(measured)


def main() -> None:
    """Measure what is named; without names, make the tables and the figures anew."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = (*ROWS, *EXPERIMENTS)
    parser.add_argument("name", nargs="*", help=", ".join(known))
    parser.add_argument("--seeds", type=int, default=1, help="default: 1")
    arguments = parser.parse_args()
    for name in arguments.name:
        if name not in known:
            parser.error(f"{name} is neither a row nor an experiment")
    for name in arguments.name:
        for seed in range(arguments.seeds):
            measure(name, seed)
    save(load())


if __name__ == "__main__":
    main()
