#!/usr/bin/env bash
# OpenCV 5: a one-dimensional array is a row, where it was a column in 4; code that filters a profile does nothing.
#
# One would guess that cv2.GaussianBlur(profile, (1, 5), 0) smooths a 1-D profile in both, or fails. In OpenCV 4 a
# NumPy array of shape (n,) came as a column of n rows, so that a kernel 1 wide and 5 high smoothed it. In OpenCV 5
# it comes as one row of n columns, and the same call returns it unchanged, without a warning. HoughLinesP changes in
# the same way: its result has lost the middle axis, so that code that unpacks line[0] reads single numbers.
# What to do: give two-dimensional arrays, and reshape(-1, 4) what HoughLinesP returns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import cv2
import numpy as np

profile = np.zeros(15, np.float32)
profile[7] = 1
page = np.zeros((100, 100), np.uint8)
page[50, 10:90] = 255
tall = cv2.GaussianBlur(profile, (1, 5), 0).ravel()
lines = cv2.HoughLinesP(page, 1, np.pi / 180, 40, minLineLength=40, maxLineGap=2)
print(f"peak after a kernel 1 wide and 5 high: {tall.max():.3f}; HoughLinesP: {lines.shape}")
PYTHON
for version in 4.12.0.88 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" 'numpy<2.5'
    printf 'opencv %s: ' "$version"
    "$folder/$version/bin/python" "$folder/look.py" | tee "$folder/$version.txt"
done
grep -q 'peak.*: 0\.[0-9]*; HoughLinesP: (1, 1, 4)' "$folder/4.12.0.88.txt"
grep -q 'peak.*: 1.000; HoughLinesP: (1, 4)' "$folder/5.0.0.93.txt"
echo "as described: the profile is smoothed by 4 and untouched by 5"
