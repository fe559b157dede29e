#!/usr/bin/env bash
# Pillow with pillow-heif: the same orientation tag turns a HEIC and a TIFF when they are opened, an AVIF never.
#
# One would guess that formats of one family behave alike: HEIC and AVIF are the same container with another codec,
# and Pillow leaves the EXIF orientation of JPEG, PNG and WebP to `ImageOps.exif_transpose`. With an orientation of 6
# a HEIC comes out of `Image.open` turned already and its tag is set to 1; a TIFF turns while its pixels are loaded;
# an AVIF keeps its pixels and its tag. A program that calls `exif_transpose` for the formats that it tested on, or
# never, gets some of them on their side.
# What to do: always call `exif_transpose` after the pixels are loaded; it does nothing where the tag is 1 or gone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pillow==13.0.0 pillow-heif==1.8.1
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import PIL
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
print("Pillow", PIL.__version__, "pillow-heif", pillow_heif.__version__)
ORIENTATION = 0x0112
tag = Image.Exif()
tag[ORIENTATION] = 6  # turn by 90 degrees clockwise to show
wide = Image.new("RGB", (80, 40), "white")
seen = {}
for name in ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"):
    file = io.BytesIO()
    wide.save(file, name, exif=tag.tobytes())
    opened = Image.open(io.BytesIO(file.getvalue()))
    opened.load()
    upright = ImageOps.exif_transpose(opened)
    seen[name] = (opened.size == (40, 80), opened.getexif().get(ORIENTATION))
    print(f"{name}: {opened.size} after load, tag {seen[name][1]}, {upright.size} after exif_transpose")
    assert upright.size == (40, 80)
assert {name for name, (turned, _) in seen.items() if turned} == {"TIFF", "HEIF"}
assert seen["AVIF"] == (False, 6) and seen["HEIF"] == (True, 1)
print("as described: HEIC and TIFF are turned when loaded, AVIF is not")
PYTHON
