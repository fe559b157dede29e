"""Look for pictures that take long to read, by hill climbing on processor time.

Each step draws something on the slowest picture so far, or changes it, and keeps what takes longer
to read. No picture of two megapixels may take longer than the most seconds that are promised.

    python -m torture.slowest
    python -m torture.slowest --steps 200
"""

import argparse
import json
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
SIDE = 1400  # pixels
MOST_SECONDS = 20.0  # of processor time


def changed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a copy with one change: strokes, ellipses, text, noise, a grid, a part repeated."""
    result = picture.copy()
    ink = int(rng.integers(0, 120))
    for _ in range(int(rng.integers(1, 60))):
        x, y, width, height = rng.integers(0, SIDE, 4).tolist()
        thick = int(rng.integers(1, 8))
        match rng.integers(8):
            case 0:
                cv2.line(result, (x, y), (width, height), ink, thick)
            case 1:
                axes = 1 + width // 10, 1 + height // 20
                cv2.ellipse(result, (x, y), axes, x % 180, 0, 360, ink, thick)
            case 2:
                text = str(rng.integers(10**9))
                cv2.putText(result, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, thick / 3, ink, thick)
            case 3:
                apart = 6 + width % 60
                result[y : y + height : apart, x : x + width] = ink
            case 4:
                apart = 6 + height % 60
                result[y : y + height, x : x + width : apart] = ink
            case 5:
                part = result[y : y + height // 8, x : x + width // 8]
                part[rng.random(part.shape) < 0.1] = ink
            case 6:
                part = result[y : y + height // 4, x : x + width // 4].copy()
                top, left = rng.integers(0, SIDE, 2).tolist()
                place = result[top : top + part.shape[0], left : left + part.shape[1]]
                place[:] = part[: place.shape[0], : place.shape[1]]
            case 7:
                cv2.circle(result, (x, y), 1 + width // 100, ink, -1)
    return result


def campaign(steps: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Climb for so many steps; return the slowest picture's time, and the usual one's."""
    from mnistry import Reader

    reader, rng = Reader(threads=1), np.random.default_rng(seed)
    slowest = np.full((SIDE, SIDE), 235, np.uint8)
    longest, times = 0.0, []
    for step in range(steps):
        # From time to time a new start: a hill may be low.
        start = np.full_like(slowest, 235) if step % 100 == 99 else slowest
        picture = changed(start, rng)
        began = time.process_time()
        reader.read(picture)
        times.append(time.process_time() - began)
        if times[-1] > longest:
            slowest, longest = picture, times[-1]
    return {
        "steps": steps,
        "slowest, s": round(longest, 2),
        "median, s": round(float(np.median(times)), 2),
        "wrong": [] if longest < MOST_SECONDS else [f"a picture took {longest:.1f} s"],
    }


def main() -> None:
    """Run the campaign, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(campaign(given.steps, given.seed), indent=2))


if __name__ == "__main__":
    main()
