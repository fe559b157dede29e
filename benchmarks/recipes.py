"""Measure a recipe over several seeds: test accuracy, seconds, and memory.

Each training is a process of its own, as a user starts it; programs that an earlier one compiled
are used again. Each reads the test images once, after its last epoch. See RESULTS.md.

    python benchmarks/recipes.py fast --seeds 10
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import processes
import results

from mnistry.recipes import NAMES

SEEDS = {"classic": 10, "fast": 10, "classic-plus": 5, "best": 3}


def train(recipe: str, seed: int, folder: Path) -> dict[str, float]:
    """Train with one seed."""
    path = folder / f"{recipe}-{seed}"
    command = [processes.MNISTRY, "train", "--data", "mnist", "--json", "--recipe", recipe]
    done = processes.run([*command, "--seed", seed, "-o", path])
    return {
        "machine": results.machine(),
        "seed": seed,
        "accuracy": done.value["test_accuracy"],
        "train_accuracy": done.value["train_accuracy"],
        "running_accuracy": done.value["epochs"][-1]["accuracy"],
        **done.value["seconds"],
        "process": done.seconds,
        "megabytes": done.megabytes,
    }


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="*", choices=NAMES, default=list(SEEDS))
    parser.add_argument("--seeds", type=int, help=f"default: {SEEDS}")
    arguments = parser.parse_args()
    measured = (results.load("recipes") or {"measured": {}})["measured"]
    with tempfile.TemporaryDirectory() as name:
        for recipe in arguments.recipe:
            count = arguments.seeds or SEEDS.get(recipe, 1)
            measured[recipe] = []
            for seed in range(count):
                run = train(recipe, seed, Path(name))
                print(recipe, run, file=sys.stderr)
                measured[recipe].append(run)
            mean = statistics.mean(run["accuracy"] for run in measured[recipe])
            print(f"{recipe}: mean {mean:.3%} of {count} seeds")
            ordered = {name: measured[name] for name in NAMES if name in measured}
            results.save("recipes", {"measured": ordered})


if __name__ == "__main__":
    main()
