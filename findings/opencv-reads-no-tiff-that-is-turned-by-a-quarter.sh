#!/usr/bin/env bash
# OpenCV: imread returns None for a TIFF whose orientation says that it lies on its side.
#
# One would guess that the orientation of a TIFF is either followed, as OpenCV does for JPEG, or not looked at. It is
# followed where height and width stay (1 to 4, so upside down), and even with IMREAD_UNCHANGED, which is to leave
# pictures as they are. For 5 to 8, a page that was scanned sideways, imread returns None, in OpenCV 4 and 5: the turned
# picture does not fit into the memory that was made for the other shape. Pillow and libvips read the same files.
# What to do: read such files with Pillow.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/look.py" <<'PYTHON'
import cv2
import numpy as np
import tifffile
from PIL import Image

print("opencv", cv2.__version__, "| None for the orientations:", end=" ")
page = np.arange(60 * 40).reshape(60, 40).astype(np.uint8)
for orientation in range(1, 9):
    tifffile.imwrite("page.tif", page, extratags=[(274, "H", 1, orientation, True)])
    with open("page.tif", "rb") as file, Image.open(file) as image:
        assert np.asarray(image).size == page.size
    for flag in (cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED):
        read = cv2.imread("page.tif", flag)
        assert (read is None) == (orientation > 4)
        if orientation == 3 and flag != cv2.IMREAD_COLOR:
            assert np.array_equal(read, page[::-1, ::-1])
    if read is None:
        print(orientation, end=" ")
print()
PYTHON
cd "$folder"
for version in 4.12.0.88 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version" 'numpy<2.3' pillow==13.0.0 tifffile==2025.12.20
    "$folder/$version/bin/python" look.py 2> "$folder/errors.txt"
    grep -m1 'must be' "$folder/errors.txt"
done
echo "as described: TIFFs turned by a quarter are not read"
