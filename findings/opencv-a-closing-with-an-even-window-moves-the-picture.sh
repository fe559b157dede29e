#!/usr/bin/env bash
# OpenCV: a morphological closing or opening with a window of an even size moves the picture by a pixel.
#
# One would guess that a closing only fills: by definition its result is nowhere darker than the picture (white ink),
# and an opening is nowhere lighter, whatever the window. For dilation and erosion OpenCV uses the same anchor, and the
# window is not mirrored between them; an even window has no middle, so both shift to the same side and the results lie
# one pixel to the right and below. A single white pixel is moved, and what is found by comparing a picture with its
# closing, such as thin lines, lies beside the line that it was found from.
# What to do: use odd windows, or give the second step the mirrored anchor.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 4.14.0.94 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" numpy==2.4.6
    "$folder/$version/bin/python" - <<'PYTHON'
import cv2
import numpy as np

print("OpenCV", cv2.__version__)
picture = np.zeros((20, 20), np.uint8)
picture[10, 10] = 255
for size in (3, 4, 5, 6):
    window = np.ones((1, size), np.uint8)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, window)
    opened = cv2.morphologyEx(255 - picture, cv2.MORPH_OPEN, window)
    place = np.argwhere(closed).tolist()
    print(f"window 1x{size}: the pixel at [10, 10] lies at {place} after closing")
    expected = [[10, 10]] if size % 2 else [[10, 11]]
    assert place == expected and np.argwhere(opened == 0).tolist() == expected
print("as described: even windows move it by one column")
PYTHON
done
