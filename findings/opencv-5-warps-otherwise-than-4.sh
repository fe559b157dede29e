#!/usr/bin/env bash
# The same maps, the same image: OpenCV 5.0's remap gives other pixels than OpenCV 4.14's.
#
# One would guess that bilinear interpolation at given places is the same in every version, but for rounding: it is a
# formula. OpenCV 4 rounds each place to 1/32 of a pixel before it interpolates, 5.0 does not. On floating-point
# images the two differ by a few grey levels at strokes' edges, so that images which were distorted with one seed
# are others after an update, and so is every network that is trained on them.
# What to do: name OpenCV's version beside a seed, or warp with code that you keep.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/warp.py" <<'PYTHON'
import cv2
import numpy as np

rows, columns = np.mgrid[:28, :28].astype(np.float32)
ring = 255 * np.exp(-((np.hypot(rows - 13.5, columns - 13.5) - 8) ** 2) / 2).astype(np.float32)
angle = np.float32(0.2)
x = 13.5 + np.cos(angle) * (columns - 13.5) - np.sin(angle) * (rows - 13.5) + np.float32(0.37)
y = 13.5 + np.sin(angle) * (columns - 13.5) + np.cos(angle) * (rows - 13.5) + np.float32(0.21)
moved = cv2.remap(ring, x, y, cv2.INTER_LINEAR)
np.save(f"warped-{cv2.__version__.split('.')[0]}.npy", moved)

padded = np.pad(ring, 12)
left, top = np.floor(x).astype(int), np.floor(y).astype(int)
a, b = x - left, y - top
exact = sum(
    padded[top + 12 + j, left + 12 + i] * (a if i else 1 - a) * (b if j else 1 - b)
    for i in (0, 1)
    for j in (0, 1)
)
inner = (slice(5, 23), slice(5, 23))
off = float(np.abs(moved - exact)[inner].max())
print(f"opencv {cv2.__version__}: at most {off:.4f} grey levels from the formula")
assert off > 0.5 if cv2.__version__.startswith("4") else off < 0.01
PYTHON
cd "$folder"
for version in 4.14.0.94 5.0.0.93; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" numpy==2.4.6
    "venv-$version/bin/python" warp.py
done
"venv-5.0.0.93/bin/python" - <<'PYTHON'
import numpy as np

off = np.abs(np.load("warped-4.npy") - np.load("warped-5.npy")).max()
print(f"between both: {off:.2f} grey levels of 255")
assert off > 0.5
print("as described: the two versions warp differently")
PYTHON
