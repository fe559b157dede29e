"""Measure how well MNIST's form is restored from enlarged images, by several methods.

Each training image is enlarged, put off-centre on a page and converted to MNIST's form again, by
`mnistry.images.mnist_form.normalise` and, for comparison, by plain resampling of the ink's box.
Prints the mean error of a pixel in grey levels, the mean centre of mass, and the number of images
that the built-in network reads as a different digit than the original.

    python benchmarks/mnist_form.py --images 1000
"""

import argparse
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

import mnistry
from mnistry.images.mnist_form import BOX, CENTRE, SIDE, bounds, normalise
from mnistry.inference import onnx_session
from mnistry.reading.built_in import SHIPPED

Images = NDArray[np.uint8]
Strength = NDArray[np.float32]

ENLARGED = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "Lanczos": cv2.INTER_LANCZOS4,
}
RESAMPLED = {
    "area": cv2.INTER_AREA,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "Lanczos": cv2.INTER_LANCZOS4,
}


def page(image: Images, factor: int, way: int) -> Strength:
    """Put an enlarged image off-centre on a page of twice its size."""
    large = cv2.resize(image, None, fx=factor, fy=factor, interpolation=way)
    side = large.shape[0]
    paper = np.zeros((2 * side + 7, 2 * side + 13), np.float32)
    paper[side // 3 :, side // 2 :][:side, :side] = large.astype(np.float32) / 255
    return paper


def resampled(strength: Strength, least: float, way: int, *, whole: bool) -> Images:
    """Scale the box of the ink above `least`, and place it by whole pixels or between them."""
    box = bounds(strength > least)
    if box is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    x, y, width, height = box
    factor = BOX / max(width, height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(strength[y : y + height, x : x + width], size, interpolation=way)
    laid = np.zeros((3 * SIDE, 3 * SIDE), np.float32)
    laid[SIDE : SIDE + size[1], SIDE : SIDE + size[0]] = np.clip(small, 0, 1)
    down, right = (SIDE + CENTRE - at for at in centre(laid))
    if whole:
        down, right = round(down), round(right)
    moved = cv2.warpAffine(laid, np.float32([[1, 0, right], [0, 1, down]]), laid.shape)
    return np.rint(255 * moved[SIDE : 2 * SIDE, SIDE : 2 * SIDE]).astype(np.uint8)


def centre(image: NDArray[np.generic]) -> tuple[float, float]:
    """Return the row and the column of the centre of mass."""
    down, right = (
        float(image.sum(1 - axis) @ np.arange(image.shape[axis])) / float(image.sum())
        for axis in (0, 1)
    )
    return down, right


def ways() -> dict[str, Callable[[Strength], Images]]:
    """Return the methods to compare by name."""
    found: dict[str, Callable[[Strength], Images]] = {"mnistry's": normalise}
    for name, way in RESAMPLED.items():
        for least in (0.0, 0.5):
            found[f"{name}, box of ink > {least:g}"] = lambda ink, way=way, least=least: resampled(
                ink, least, way, whole=True
            )
    found["area, box of ink > 0, placed between pixels"] = lambda ink: resampled(
        ink, 0, cv2.INTER_AREA, whole=False
    )
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--factors", type=int, nargs="+", default=[3, 6, 20])
    options = parser.parse_args()
    images = mnistry.load("mnist").train.images
    images = np.random.default_rng(0).permutation(images)[: options.images]
    session = onnx_session.open_session(SHIPPED)
    right = onnx_session.probabilities(session, images).argmax(1)
    own = np.mean([centre(image.astype(float)) for image in images], axis=0)
    print(f"{len(images)} images, centre of mass at {own[0]:.2f}, {own[1]:.2f}")
    print("| enlarged | restored by | error in grey levels | centre of mass | read differently |")
    print("|---|---|---|---|---|")
    for factor in options.factors:
        for enlarged, interpolation in ENLARGED.items():
            pages = [page(image, factor, interpolation) for image in images]
            for name, way in ways().items():
                back = np.stack([way(ink) for ink in pages])
                off = np.abs(back.astype(int) - images).mean()
                down, across = np.mean([centre(image.astype(float)) for image in back], axis=0)
                other = (onnx_session.probabilities(session, back).argmax(1) != right).sum()
                print(
                    f"| {factor} times, {enlarged} | {name} | {off:.2f} "
                    f"| {down:.2f}, {across:.2f} | {other} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
