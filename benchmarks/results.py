"""Write RESULTS.md and its figures from the benchmarks' JSON files.

Each benchmark of the page calls `save` at its end, so that the page shows the latest results.

    python benchmarks/results.py
"""

import datetime
import json
import os
import platform
import statistics
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

HERE = Path(__file__).parent
OURS = "mnistry"
BLUE, GREY, RED = "#4477aa", "#bbbbbb", "#cc6677"


def machine() -> str:
    """Return date, available cores, processor and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {metadata.version(name.lower())}" for name in ("Keras", "JAX"))
    today = datetime.date.today().isoformat()
    return (
        f"{today}, {cores} cores of {_processor()}, Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if _linux() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _linux() -> bool:
    return Path("/proc/cpuinfo").exists()


def save(name: str, value: dict[str, Any]) -> None:
    """Write a benchmark's results, and rewrite the page."""
    (HERE / f"{name}.json").write_text(json.dumps({"machine": machine(), **value}, indent=1) + "\n")
    write()


def load(name: str) -> dict[str, Any] | None:
    """Read a benchmark's results, if there are any."""
    path = HERE / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def write() -> None:
    """Write RESULTS.md and its figures."""
    parts = ["# Costs and results"]
    for name, section in SECTIONS.items():
        found = load(name)
        if found is not None:
            parts.append(section(found))
    (HERE / "RESULTS.md").write_text("\n\n".join(parts) + "\n")


def peers(found: dict[str, Any]) -> str:
    """Write the comparison with peers: medians, and the ratios of each round."""
    measured: dict[str, list[dict[str, Any]]] = found["measured"]
    lines = [
        "| | seconds per epoch | mnistry / it | whole process, s | mnistry / it | MB "
        "| test accuracy |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = measured[OURS]
    for name, theirs in measured.items():
        epoch = f"{_median(theirs, 'epoch'):.3f} | {_ratio(ours, theirs, 'epoch')}"
        accuracies = [one["accuracy"] for one in theirs if one["accuracy"] is not None]
        if accuracies:  # not for the matrix products, whose process trains nothing
            whole = (
                f"{_median(theirs, 'process'):.1f} | {_ratio(ours, theirs, 'process')} "
                f"| {_median(theirs, 'megabytes'):.0f} | {_mean_and_spread(accuracies)}"
            )
        else:
            whole = " | | | "
        lines.append(f"| {name} | {epoch} | {whole} |")
    _epoch_figure(measured)
    return (
        "## The classic experiment compared with other frameworks\n\n"
        f"{found['machine']}; medians of {found['rounds']} rounds after one that is not counted; "
        "each measurement is a process of its own, and the programs take turns. A ratio divides "
        "mnistry's time by the other program's; the table shows the median of the rounds' ratios "
        "(in brackets minimum and maximum), so a change of the machine's speed hardly affects it. "
        "The first of five epochs is left out because it includes compiling. mnistry's processes "
        "find their programs compiled by an earlier one. mnistry and Keras keep a running loss and "
        "accuracy; scikit-learn, which has no RMSprop and uses Adam, keeps only the loss, and the "
        "plain loop neither. The last row is not a training: it computes an epoch's matrix "
        "products and nothing else. `make bench` repeats it; every measurement is in "
        "[peers.json](peers.json).\n\n" + "\n".join(lines) + "\n\n"
        "![Seconds per epoch, mnistry and its peers](epoch.png)"
    )


def recipes(found: dict[str, Any]) -> str:
    """Write each recipe's results over its seeds."""
    lines = [
        "| recipe | seeds | test accuracy: mean ± spread | minimum to maximum | compile, s "
        "| fit, s | whole process, s | MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    machines = sorted({run["machine"] for runs in found["measured"].values() for run in runs})
    for name, runs in found["measured"].items():
        accuracies = [run["accuracy"] for run in runs]
        seconds = " | ".join(
            f"{_median(runs, field):.1f}" for field in ("compile", "fit", "process")
        )
        lines.append(
            f"| `{name}` | {len(runs)} | {_mean_and_spread(accuracies)} "
            f"| {min(accuracies):.2%} to {max(accuracies):.2%} "
            f"| {seconds} | {_median(runs, 'megabytes'):.0f} |"
        )
    return (
        "## Results of the recipes\n\n"
        f"{' / '.join(machines)}; seeds from 0 on, one process each; spread is the standard "
        "deviation from seed to seed; seconds and memory are medians. Programs that an earlier "
        "process compiled are used again. Each training read the test images once, after its last "
        "epoch. Every choice was made on held-out training images, though the search for `best` "
        "went on because of a test score of 99.64 %. "
        "`python benchmarks/recipes.py NAME` repeats a line; every run is in "
        "[recipes.json](recipes.json).\n\n" + "\n".join(lines)
    )


def size(found: dict[str, Any]) -> str:
    """Write the cost of more data, more units and fewer cores."""
    lines = ["| what | | seconds per epoch | MB |", "|---|---|---|---|"]
    for what, by_factor in found["measured"].items():
        for factor, ones in by_factor.items():
            lines.append(
                f"| {what} | {factor} | {_median(ones, 'epoch'):.2f} "
                f"| {_median(ones, 'megabytes'):.0f} |"
            )
    _size_figure(found["measured"])
    return (
        "## Cost against size\n\n"
        f"{found['machine']}; the classic network; medians of {found['rounds']} rounds; each "
        "measurement is a process of its own. Data are multiples of 60,000 images, units multiples "
        "of 512. `python benchmarks/size.py` repeats it; every measurement is in "
        "[size.json](size.json).\n\n" + "\n".join(lines) + "\n\n"
        "![Seconds and memory against data, units and cores](size.png)"
    )


def reading(found: dict[str, Any]) -> str:
    """Write the cost of reading."""
    measured, batches = found["measured"], found["batches"]
    shares = [one["bare"] / one["ours"] for one in batches]
    whole, one_core, peak = "process", "12 megapixels", "25 megapixels, MB"
    rows = {
        "`mnistry read` of one digit, whole process": f"{_median(measured, whole):.2f} s",
        "a JPEG of 12 megapixels, on one core, in a process that has read it before": (
            f"{1000 * _median(measured, one_core):.0f} ms"
        ),
        "1,000 arrays of 28×28 at once": (
            f"{statistics.median(shares):.0%} of the speed of ONNX Runtime alone with the same "
            f"network ({min(shares):.0%} to {max(shares):.0%} in single rounds)"
        ),
        "`mnistry read` of a JPEG of 25 megapixels, peak memory": (
            f"{_median(measured, peak):.0f} MB"
        ),
    }
    return (
        "## Cost of reading\n\n"
        f"{found['machine']}; medians of {found['rounds']} rounds. The photos hold eleven digits "
        "in three lines. `python benchmarks/reading.py` repeats it; every measurement is in "
        "[reading.json](reading.json).\n\n| | |\n|---|---|\n"
        + "\n".join(f"| {what} | {cost} |" for what, cost in rows.items())
    )


def _median(ones: Sequence[dict[str, Any]], field: str) -> float:
    return statistics.median(one[field] for one in ones)


def _ratio(ours: Sequence[dict[str, Any]], theirs: Sequence[dict[str, Any]], field: str) -> str:
    if ours is theirs:
        return "1"
    ratios = [a[field] / b[field] for a, b in zip(ours, theirs, strict=True)]
    return f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f})"


def _mean_and_spread(accuracies: Sequence[float]) -> str:
    spread = f" ± {statistics.stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.2%}{spread}"


def _epoch_figure(measured: dict[str, list[dict[str, Any]]]) -> None:
    """Draw every measurement of an epoch's seconds as a dot, and the medians as bars."""
    drawing = Figure(figsize=(8, 3.6), layout="constrained")
    axes = drawing.subplots()
    for place, (name, ones) in enumerate(measured.items()):
        axes.barh(place, _median(ones, "epoch"), color=BLUE if name == OURS else GREY)
        axes.plot([one["epoch"] for one in ones], [place] * len(ones), "k.", markersize=4)
    axes.set_yticks(range(len(measured)), list(measured))
    axes.invert_yaxis()
    axes.set_xlabel("seconds per epoch, once compiled")
    axes.spines[["top", "right"]].set_visible(False)
    drawing.savefig(HERE / "epoch.png", dpi=120)


def _size_figure(measured: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    """Draw seconds and memory against data and units, and seconds against cores."""
    drawing = Figure(figsize=(10, 3.4), layout="constrained")
    seconds, memory, cores = drawing.subplots(1, 3)
    for what, colour in (("data", BLUE), ("units", RED)):
        for axes, field in ((seconds, "epoch"), (memory, "megabytes")):
            _curve(axes, measured[what], field, colour, f"{what} ×")
    _curve(cores, measured["cores"], "epoch", BLUE, "")
    memory.set_yscale("linear")
    memory.set_ylim(bottom=0)
    for axes, label in ((seconds, "seconds per epoch"), (memory, "MB at the peak")):
        axes.set(xlabel="times the classic experiment", ylabel=label)
        axes.legend(frameon=False)
    cores.set(xlabel="cores", ylabel="seconds per epoch")
    drawing.savefig(HERE / "size.png", dpi=120)


def _curve(axes: Any, by_factor: dict[str, Any], field: str, colour: str, label: str) -> None:
    factors = [int(factor) for factor in by_factor]
    axes.plot(
        factors, [_median(ones, field) for ones in by_factor.values()], "o-", color=colour,
        label=label,
    )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(factors, [str(factor) for factor in factors])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.spines[["top", "right"]].set_visible(False)


SECTIONS = {"peers": peers, "recipes": recipes, "size": size, "reading": reading}

if __name__ == "__main__":
    write()
