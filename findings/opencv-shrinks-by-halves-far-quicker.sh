#!/usr/bin/env bash
# OpenCV's resize by area averages: to exactly a half it takes a small part of the time of any other size.
#
# One would guess that averaging the areas of a photo costs about as much for one smaller size as for another: every
# pixel is read once. In OpenCV 5.0 the exact half of an 8-bit grey image is more than ten times as quick as a size
# that is one pixel less, and halving twice before a last resize is several times quicker than one resize of the same
# image to the same size. Reading a photo of 12 megapixels spends more time in that one call than in finding ink.
# What to do: halve while the image is more than four times too large, and then resize.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import timeit

import cv2
import numpy as np

print("opencv", cv2.__version__)
cv2.setNumThreads(1)
photo = np.random.default_rng(0).integers(0, 256, (3072, 4096), np.uint8)


def resized(image, width, height):
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def by_halves(width, height):
    return resized(resized(resized(photo, 2048, 1536), 1024, 768), width, height)


def milliseconds(work):
    return 1000 * min(timeit.repeat(work, number=1, repeat=9))


half = milliseconds(lambda: resized(photo, 2048, 1536))
less = milliseconds(lambda: resized(photo, 2047, 1535))
once = milliseconds(lambda: resized(photo, 400, 300))
twice = milliseconds(lambda: by_halves(400, 300))
print(f"4096 x 3072 to 2048 x 1536: {half:.2f} ms; to 2047 x 1535: {less:.2f} ms, {less / half:.0f} times as long")
print(f"to 400 x 300: at once {once:.2f} ms, by halves first {twice:.2f} ms, {once / twice:.1f} times as long")
off = np.abs(resized(photo, 400, 300).astype(int) - by_halves(400, 300)).max()
print("largest difference of both results on noise:", off, "of 255 grey levels")
assert less > 10 * half
assert once > 3 * twice
print("as described: the exact half is far quicker")
PYTHON
