#!/usr/bin/env bash
# scikit-image: a TIFF of three or four grey pages is read as one picture in colour.
#
# One would guess that pages come back as pages: two pages are an array (2, height, width), and five are
# (5, height, width). `skimage.io.imread` takes three or four for colours that lie plane by plane, and turns the axes:
# (height, width, 3). A program that loops over the pages of a scan loops over rows instead, and one that
# shows the result shows three pages printed over each other. imageio and tifffile, which it reads with, return pages.
# What to do: tifffile.imread, or imageio's imread.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    scikit-image==0.26.0 imageio==2.38.1 tifffile==2026.3.3 pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import imageio.v3
import numpy as np
import skimage.io
import tifffile
from PIL import Image

print("scikit-image", skimage.__version__)
for count in range(1, 6):
    pages = [Image.fromarray(np.full((40, 30), 50 * page, np.uint8)) for page in range(count)]
    pages[0].save("scan.tif", save_all=True, append_images=pages[1:])
    shapes = [read("scan.tif").shape for read in (skimage.io.imread, tifffile.imread, imageio.v3.imread)]
    print(f"{count} pages of 40 x 30: scikit-image {shapes[0]}, tifffile {shapes[1]}, imageio {shapes[2]}")
    if count > 1:
        assert shapes[1] == shapes[2] == (count, 40, 30)
    if count in (3, 4):
        assert shapes[0] == (40, 30, count)
    else:
        assert shapes[0] == shapes[1]
print("as described: three or four pages become channels")
PYTHON
