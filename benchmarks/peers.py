"""Compare mnistry with its peers: seconds per epoch, seconds per process, and memory.

The peers run in environments that are made here. Every measurement is a process of its own, and
the peers take turns in each round. See RESULTS.md.

    python benchmarks/peers.py --rounds 5
"""

import argparse
import dataclasses
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import processes
import results

import mnistry

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".bench"


@dataclasses.dataclass(frozen=True)
class Peer:
    """A program to compare mnistry with."""

    name: str
    environment: str
    program: str
    backend: str = ""


PEERS = (
    Peer("Keras on TensorFlow", "tensorflow", "keras_fit.py", "tensorflow"),
    Peer("Keras on PyTorch", "torch", "keras_fit.py", "torch"),
    Peer("Keras on JAX", "jax", "keras_fit.py", "jax"),
    Peer("PyTorch, plain loop", "torch", "torch_loop.py"),
    Peer("scikit-learn", "sklearn", "sklearn_mlp.py"),
    Peer("matrix products alone, in XLA", "jax", "matrix_products.py"),
)


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One process: seconds per epoch once compiled, seconds of the process, and peak memory."""

    epoch: float
    process: float
    megabytes: float
    accuracy: float | None


def python(environment: str) -> Path:
    """Return the Python of a peer's environment, which is made if missing or outdated."""
    folder = ENVIRONMENTS / environment
    requirements = HERE / "programs" / f"requirements-{environment}.txt"
    done = folder / "done"  # lists what was installed
    if not done.exists() or done.read_text() != requirements.read_text():
        print(f"making {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", requirements]
        subprocess.run(pip, check=True)
        done.write_text(requirements.read_text())
    return folder / "bin" / "python"


def measure_peer(peer: Peer, data: Path) -> Measurement:
    """Run a peer once."""
    environment = {"KERAS_BACKEND": peer.backend} if peer.backend else {}
    command = [python(peer.environment), HERE / "programs" / peer.program, data]
    done = processes.run(command, environment)
    # The first epoch includes compiling.
    epoch = statistics.median(done.value["epochs"][1:])
    return Measurement(epoch, done.seconds, done.megabytes, done.value.get("test_accuracy"))


def measure_ours(folder: Path, seed: int) -> Measurement:
    """Run mnistry once, by its command."""
    command = [processes.MNISTRY, "train", "--data", "mnist", "--json", "--seed", seed]
    done = processes.run([*command, "-o", folder / str(seed)])
    epoch = statistics.median(epoch["seconds"] for epoch in done.value["epochs"][1:])
    return Measurement(epoch, done.seconds, done.megabytes, done.value["test_accuracy"])


def measure(rounds: int, data: Path, folder: Path) -> dict[str, list[Measurement]]:
    """Measure everything `rounds` times, in turn, after one round that does not count."""
    for peer in PEERS:
        python(peer.environment)
    measured: dict[str, list[Measurement]] = {
        name: [] for name in (results.OURS, *(peer.name for peer in PEERS))
    }
    for number in range(rounds + 1):
        now = {results.OURS: measure_ours(folder, number)}
        now |= {peer.name: measure_peer(peer, data) for peer in PEERS}
        for name, measurement in now.items():
            print(f"round {number} {name}: {measurement}", file=sys.stderr)
            if number:
                measured[name].append(measurement)
    return measured


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "mnist.npz"
        np.savez_compressed(data, **mnistry.load("mnist").arrays())
        measured = measure(rounds, data, folder)
    results.save(
        "peers",
        {
            "rounds": rounds,
            "measured": {
                name: [dataclasses.asdict(one) for one in ones] for name, ones in measured.items()
            },
        },
    )


if __name__ == "__main__":
    main()
