#!/usr/bin/env bash
# Pillow: a grey picture of 16 bits that is rotated with BILINEAR or BICUBIC becomes noise, and paste() writes bytes.
#
# One would guess that an operation which Pillow does not know for the mode "I;16" (what a 16-bit PNG or TIFF opens as)
# is refused, as `reduce` and `filter` are; `resize` and `Image.new` do it rightly. `rotate` and `transform` with
# BILINEAR or BICUBIC return a picture of the right size and mode whose values have nothing to do with the
# picture's: each pixel is interpolated as if it were one byte. `paste(50000, box)` paints 20560 (0x5050): the low
# byte of the colour, twice. Nothing is raised.
# What to do: convert to mode "F" (or "I") before, and back after.
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
# A smooth ramp from 0 to 60000: rotated, all its inner pixels differ little from their neighbours.
values = np.linspace(0, 60000, 60)[None] * np.ones((60, 1))
Image.fromarray(values.astype(np.uint16)).save("ramp.png")
for method in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
    with Image.open("ramp.png") as image:
        assert image.mode == "I;16"
        sixteen = np.asarray(image.rotate(10, method)).astype(float)
        floats = np.asarray(image.convert("F").rotate(10, method))
        small = np.asarray(image.resize((30, 30), method)).astype(float)
        small_floats = np.asarray(image.convert("F").resize((30, 30), method))
    inner = np.s_[15:45, 15:45]
    turned = np.abs(sixteen - floats)[inner].max()
    resized = np.abs(small - small_floats)[5:25, 5:25].max()
    print(f"{method.name}: I;16 differs from F by at most {turned:.0f} rotated, {resized:.0f} resized")
    assert resized < 2
    assert (turned < 1200) if method == Image.Resampling.NEAREST else (turned > 20000)
paper = Image.new("I;16", (4, 4), 50000)
assert paper.getpixel((0, 0)) == 50000
paper.paste(50000, (0, 0, 2, 2))
print("paste(50000) on a paper of 50000:", paper.getpixel((0, 0)))
assert paper.getpixel((0, 0)) == 0x5050
print("as described: 16 bits are rotated and painted as bytes")
PYTHON
