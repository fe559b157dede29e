#!/usr/bin/env bash
# Pillow: a TIFF with separate planes of 16 bits a value comes out as stripes, if it is not compressed.
#
# One would guess that Pillow reads a colour TIFF of 16 bits in the same way whether its red, green and blue lie pixel
# by pixel or plane by plane: its high bytes. With planes and without compression it takes the bytes of each plane for
# values of 8 bits: every second pixel is a low byte, and the lower half of the picture is missing. Nothing is raised.
# The same planes compressed (zlib) are read rightly. Pillow has the raw modes "R;16L" and so on, and reads the planes
# rightly when the tiles ask for them.
# What to do: replace the raw modes of the image's tiles before it is loaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6 tifffile==2026.3.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import PIL
import tifffile
from PIL import Image

print("Pillow", PIL.__version__)
grey = (np.arange(32 * 40).reshape(32, 40) * 7 % 251).astype(np.uint8)
planes = np.stack([grey.astype(np.uint16) * 256] * 3)
tifffile.imwrite("plain.tif", planes, photometric="rgb", planarconfig="separate")
tifffile.imwrite("zlib.tif", planes, photometric="rgb", planarconfig="separate", compression="zlib")
right = {}
for name in ("plain.tif", "zlib.tif"):
    with Image.open(name) as image:
        right[name] = np.array_equal(np.asarray(image)[..., 0], grey)
    print(f"{name}: red as written: {right[name]}")
with Image.open("plain.tif") as image:
    image.tile = [tile._replace(args=(f"{tile.args[0]};16L", *tile.args[1:])) for tile in image.tile]
    mended = np.array_equal(np.asarray(image)[..., 0], grey)
print("plain.tif with the raw modes R;16L, G;16L and B;16L: red as written:", mended)
assert right == {"plain.tif": False, "zlib.tif": True} and mended
print("as described: planes of 16 bits without compression are read as 8 bits")
PYTHON
