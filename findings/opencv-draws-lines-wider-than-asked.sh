#!/usr/bin/env bash
# OpenCV: a line of thickness 3 is 5 pixels wide.
#
# One would guess that a line of thickness t covers t pixels across, at least for odd t, where it can be symmetric.
# Only thickness 1 does. A straight horizontal line of thickness 2, 3, 4, 5 covers 3, 5, 5, 7 pixels, with and without
# anti-aliasing, in OpenCV 4.12 and 5.0 alike. Pens drawn for training data are wider than their setting says, the
# thinnest by the largest factor, and there is no line of exactly 2, 4 or 6 pixels.
# What to do: measure what was drawn, or draw strokes with a distance transform of your own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import cv2
import numpy as np

for name, kind in (("plain", cv2.LINE_8), ("anti-aliased", cv2.LINE_AA)):
    widths = []
    for thickness in range(1, 8):
        page = np.zeros((60, 60), np.uint8)
        cv2.line(page, (10, 30), (50, 30), 255, thickness, kind)
        widths.append(int((page[:, 30] > 127).sum()))
    print(f"{name}, widths of thickness 1 to 7:", *widths)
PYTHON
for version in 4.12.0.88 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" 'numpy<2.5'
    echo "opencv $version"
    "$folder/$version/bin/python" "$folder/look.py" | tee "$folder/$version.txt"
    [ "$(grep -c 'widths of thickness 1 to 7: 1 3 5 5 7 7 9$' "$folder/$version.txt")" = 2 ]
done
echo "as described: from thickness 2 on, lines are one or two pixels wider than asked"
