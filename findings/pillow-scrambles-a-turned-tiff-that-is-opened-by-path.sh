#!/usr/bin/env bash
# Pillow: a TIFF with an orientation of 5 to 8 comes out scrambled if it is opened by its path.
#
# One would guess that `Image.open(path)` and `Image.open(file)` give the same pixels. An uncompressed TIFF that is
# opened by its path is mapped into memory with the size that it has once turned, and is then turned by its
# orientation tag. For the orientations that swap height and width (a portrait page of a scanner or a camera) the rows
# are so cut at wrong places, and height and width are swapped once more: the pixels are neither the stored ones nor
# the turned ones, and the size is not the one that `size` said. Nothing is raised. Compressed TIFFs are read rightly.
# What to do: open TIFFs as file objects.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import PIL
from PIL import Image

print("Pillow", PIL.__version__)
ORIENTATION = 274
stored = (np.arange(40 * 64).reshape(40, 64) % 251).astype(np.uint8)
scrambled = []
for orientation in range(1, 9):
    Image.fromarray(stored).save("page.tif", tiffinfo={ORIENTATION: orientation})
    with Image.open("page.tif") as by_path, open("page.tif", "rb") as file, Image.open(file) as by_file:
        said = by_path.size
        one, other = np.asarray(by_path), np.asarray(by_file)
    print(f"orientation {orientation}: size {said}, shape by path {one.shape}, as a file object {other.shape}")
    assert other.shape == said[::-1]
    if not np.array_equal(one, other):
        scrambled.append(orientation)
        turned = [np.rot90(side, k) for side in (stored, stored.T) for k in range(4)]
        assert not any(np.array_equal(one, way) for way in turned)
assert np.array_equal(other, np.rot90(stored))  # 8: turned by 90 degrees anticlockwise
assert scrambled == [5, 6, 7, 8]
print("as described: opened by path, the orientations 5 to 8 are scrambled")
PYTHON
