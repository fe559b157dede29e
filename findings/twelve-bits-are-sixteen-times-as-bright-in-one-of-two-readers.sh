#!/usr/bin/env bash
# Pillow and OpenCV: one of them multiplies pictures of 12 bits by 16; in TIFF it is OpenCV, in JPEG 2000 Pillow.
#
# Scanners and X-ray machines write grey values of 12 bits, 0 to 4095. One would guess that a reader either returns
# what was stored or fills the 16 bits of its array, and that it does the same for every format. Pillow returns 4095
# for a TIFF and 65520 for a JPEG 2000; OpenCV returns 65520 for the TIFF and 4095 for the JPEG 2000. The arrays have
# the same type, and nothing in them tells which was meant: a threshold or a scale that fits one file is wrong by 16
# for the other.
# What to do: read the bits per sample from the file, and scale by what white comes out as.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pillow==13.0.0 opencv-python-headless==5.0.0.93 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import imagecodecs
import numpy as np
import PIL
import tifffile
from PIL import Image

print("Pillow", PIL.__version__, "opencv", cv2.__version__)
stored = np.tile(np.array([0, 1, 2, 4095], np.uint16), (32, 8))
tifffile.imwrite("page.tif", stored, bitspersample=12, photometric="minisblack")
with open("page.jp2", "wb") as file:
    file.write(imagecodecs.jpeg2k_encode(stored, bitspersample=12, level=0, reversible=True))
assert np.array_equal(tifffile.imread("page.tif"), stored)
assert np.array_equal(imagecodecs.imread("page.jp2"), stored)
factors = {}
for name in ("page.tif", "page.jp2"):
    with Image.open(name) as image:
        reads = {"Pillow": np.asarray(image), "OpenCV": cv2.imread(name, cv2.IMREAD_UNCHANGED)}
    for reader, read in reads.items():
        assert read.dtype == np.uint16
        print(f"{name}: stored {stored[0, :4].tolist()}, {reader} {read[0, :4].tolist()}")
        factors[name, reader] = next(factor for factor in (1, 16) if np.array_equal(read, stored * factor))
assert factors == {
    ("page.tif", "Pillow"): 1, ("page.tif", "OpenCV"): 16, ("page.jp2", "Pillow"): 16, ("page.jp2", "OpenCV"): 1
}, factors
print("as described: each multiplies the other format by 16")
PYTHON
