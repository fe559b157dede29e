"""Time an epoch of the classic experiment while other programs keep the processor busy.

0, 1 and 2 busy loops run beside it. Every measurement is a process of its own, and the programs
take turns in each round. Prints medians of the epochs after the first, and the median of the
rounds' ratios.

    python benchmarks/busy.py --rounds 7
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import peers
import results

import mnistry

NAMES = ("Keras on JAX", "Keras on PyTorch")
LOADS = (0, 1, 2)


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Run loops that do nothing, in processes of their own."""
    loop = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(loop) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="default: 7")
    parser.add_argument("--loads", type=int, nargs="*", default=LOADS, metavar="N")
    parser.add_argument("--peers", nargs="*", choices=NAMES, default=NAMES)
    arguments = parser.parse_args()
    others = [peer for peer in peers.PEERS if peer.name in arguments.peers]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "mnist.npz"
        np.savez_compressed(data, **mnistry.load("mnist").arrays())
        peers.measure_ours(folder, 0)  # compiles
        epochs: dict[tuple[int, str], list[float]] = {}
        for number in range(1, arguments.rounds + 1):
            for load in arguments.loads:
                with busy_loops(load):
                    seed = 10 * number + load
                    now = {results.OURS: peers.measure_ours(folder, seed).epoch}
                    now |= {peer.name: peers.measure_peer(peer, data).epoch for peer in others}
                for program, seconds in now.items():
                    epochs.setdefault((load, program), []).append(seconds)
                print(load, now, f"load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
    for load in arguments.loads:
        ours = epochs[load, results.OURS]
        print(f"{load} busy loops: mnistry {statistics.median(ours):.3f} s an epoch")
        for peer in others:
            theirs = epochs[load, peer.name]
            ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
            print(f"  {peer.name} {statistics.median(theirs):.3f} s, mnistry / it {ratio:.2f}")


if __name__ == "__main__":
    main()
