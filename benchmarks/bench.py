"""mnistry beside its peers: seconds an epoch, seconds a process, memory; all in one run.

Each peer runs in an environment of its own, made here, and every measurement is a process of its
own; the peers take turns, round after round. Medians go to RESULTS.md, everything to results.json.

    make bench
"""

import argparse
import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".bench"
MNISTRY = Path(sys.executable).with_name("mnistry")


@dataclasses.dataclass(frozen=True)
class Peer:
    """Something that trains the classic network."""

    name: str
    environment: str
    script: str
    backend: str = ""


PEERS = (
    Peer("Keras on TensorFlow", "tensorflow", "keras_fit.py", "tensorflow"),
    Peer("Keras on PyTorch", "torch", "keras_fit.py", "torch"),
    Peer("Keras on JAX", "jax", "keras_fit.py", "jax"),
    Peer("PyTorch, plain loop", "torch", "torch_loop.py"),
    Peer("scikit-learn", "sklearn", "sklearn_mlp.py"),
    Peer("floor: matrix products alone", "jax", "floor.py"),
)
OURS = "mnistry"


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One process: seconds an epoch once compiled, of the whole process, and its peak memory."""

    epoch: float
    process: float
    megabytes: float
    accuracy: float | None


def python(environment: str) -> Path:
    """Give the Python of a peer's environment, which is made if it is not there."""
    folder = ENVIRONMENTS / environment
    if not (folder / "done").exists():
        print(f"making {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        requirements = HERE / "peers" / f"requirements-{environment}.txt"
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", requirements]
        subprocess.run(pip, check=True)
        (folder / "done").touch()
    return folder / "bin" / "python"


def measure(command: list[object], environment: dict[str, str]) -> tuple[dict, float, float]:
    """Run a command that prints JSON; give that, its seconds and its peak memory in MB."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), stdout=out, stderr=subprocess.DEVNULL,
            env=os.environ | environment,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{command} ended with {process.returncode}")
        out.seek(0)
        text = out.read().decode()
    kilobyte = 1024 if sys.platform == "linux" else 1  # of ru_maxrss
    return json.loads(text.splitlines()[-1]), seconds, usage.ru_maxrss * kilobyte / 1e6


def measure_peer(peer: Peer, data: Path) -> Measurement:
    """Run a peer once."""
    environment = {"KERAS_BACKEND": peer.backend} if peer.backend else {}
    command = [python(peer.environment), HERE / "peers" / peer.script, data]
    value, seconds, megabytes = measure(command, environment)
    # The first epoch holds the compiling.
    epoch = statistics.median(value["epochs"][1:])
    return Measurement(epoch, seconds, megabytes, value.get("test_accuracy"))


def measure_ours(folder: Path, seed: int) -> Measurement:
    """Run mnistry once, in its usual way."""
    command = [MNISTRY, "train", "--data", "mnist", "--json", "--seed", seed]
    path = folder / str(time.monotonic_ns())
    value, seconds, megabytes = measure([*command, "-o", path], {})
    epoch = statistics.median(epoch["seconds"] for epoch in value["epochs"][1:])
    return Measurement(epoch, seconds, megabytes, value["test_accuracy"])


def run(rounds: int, data: Path) -> dict[str, list[Measurement]]:
    """Measure everything `rounds` times, by turns, after a first time that is not counted."""
    measured: dict[str, list[Measurement]] = {name: [] for name in (OURS, *(p.name for p in PEERS))}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            now = {OURS: measure_ours(Path(folder), number)}
            now |= {peer.name: measure_peer(peer, data) for peer in PEERS}
            for name, measurement in now.items():
                print(f"round {number} {name}: {measurement}", file=sys.stderr)
                if number:
                    measured[name].append(measurement)
    return measured


def table(measured: dict[str, list[Measurement]]) -> str:
    """Lay out the medians, and mnistry's ratio to each, taken round by round."""
    lines = [
        "| | seconds an epoch | mnistry / it | whole process, s | mnistry / it | MB "
        "| test accuracy |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = measured[OURS]
    for name, theirs in measured.items():
        epoch, process, megabytes = (
            statistics.median(getattr(one, field) for one in theirs)
            for field in ("epoch", "process", "megabytes")
        )
        ratios = [
            statistics.median(
                getattr(a, field) / getattr(b, field) for a, b in zip(ours, theirs, strict=True)
            )
            for field in ("epoch", "process")
        ]
        accuracies = [one.accuracy for one in theirs if one.accuracy is not None]
        if accuracies:
            spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
            accuracy = f"{statistics.mean(accuracies):.2%} ± {spread:.2%}"
            whole = f"{process:.1f} | {ratios[1]:.2f} | {megabytes:.0f}"
        else:
            accuracy, whole = "", " | | "
        lines.append(f"| {name} | {epoch:.3f} | {ratios[0]:.2f} | {whole} | {accuracy} |")
    return "\n".join(lines)


def figure(measured: dict[str, list[Measurement]], path: Path) -> None:
    """Draw every measurement of an epoch's seconds as a dot, and the medians as bars."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(8, 3.6), layout="constrained")
    axes = drawing.subplots()
    names = list(measured)
    for place, name in enumerate(names):
        seconds = [one.epoch for one in measured[name]]
        axes.barh(place, statistics.median(seconds), color="#4477aa" if place == 0 else "#bbbbbb")
        axes.plot(seconds, [place] * len(seconds), "k.", markersize=4)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("seconds an epoch, once compiled")
    axes.spines[["top", "right"]].set_visible(False)
    drawing.savefig(path, dpi=120)


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    from mnistry import datasets

    dataset = datasets.load("mnist")  # where the peers find it too
    with tempfile.TemporaryDirectory() as folder:
        import numpy as np

        data = Path(folder) / "mnist.npz"
        np.savez_compressed(data, **dataset.arrays())
        measured = run(rounds, data)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    (HERE / "results.json").write_text(
        json.dumps(
            {
                "machine": machine,
                "rounds": rounds,
                "measured": {
                    name: [dataclasses.asdict(one) for one in ones]
                    for name, ones in measured.items()
                },
            },
            indent=1,
        )
        + "\n"
    )
    figure(measured, HERE / "epoch.png")
    (HERE / "RESULTS.md").write_text(
        "# The classic experiment beside its peers\n\n"
        f"{machine}; medians of {rounds} rounds after one that is not counted; ratios are taken "
        "round by round, so that they hold while the machine's speed drifts. `make bench` repeats "
        "this; every single measurement is in [results.json](results.json).\n\n"
        f"{table(measured)}\n\n![Seconds an epoch](epoch.png)\n"
    )
    print(table(measured))


if __name__ == "__main__":
    main()
