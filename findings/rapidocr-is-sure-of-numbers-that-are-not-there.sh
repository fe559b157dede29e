#!/usr/bin/env bash
# RapidOCR (PP-OCRv6): two printed numbers become one, and a digit is read twice, with a confidence above 0.999.
#
# One would guess that a page printed in a clear font is no problem for a recogniser of photos, and that what it
# reads with 0.9999 can be believed. "12 34" comes back as "1234": the recogniser was trained on text in which a
# narrow blank means nothing. In "08/11/2023" the detector finds two boxes that overlap by a digit, and that digit
# is in both texts: 08/11 and 11/2023. Scores are of characters, not of numbers; nothing tells that either is wrong.
# What to do: take the gaps between digits from the boxes of the ink, and join or refuse boxes that overlap.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    rapidocr==3.10.0 onnxruntime==1.32.0 pillow==13.0.0
cd "$folder"
cat > printed.py <<'PYTHON'
import logging
from importlib.metadata import version

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidocr import RapidOCR

logging.disable()
engine = RapidOCR()
font = ImageFont.load_default(size=48)
print("rapidocr", version("rapidocr"))


def read(text):
    paper = Image.new("L", (400, 110), 255)
    ImageDraw.Draw(paper).text((50, 25), text, font=font, fill=0)
    found = engine(np.stack([np.asarray(paper)] * 3, -1))
    print(f"printed {text!r}, read {found.txts} with {found.scores}", [b[:, 0].tolist() for b in found.boxes])
    return found


two = read("12 34")
assert two.txts == ("1234",)
assert min(two.scores) > 0.999
date = read("08/11/2023")
assert len(date.txts) == 2
assert len("".join(date.txts)) > len("08/11/2023")
assert min(date.scores) > 0.999
assert date.boxes[0][:, 0].max() > date.boxes[1][:, 0].min(), "the boxes no longer overlap"
PYTHON
venv/bin/python printed.py 2>error || { cat error; exit 1; }
echo "as described: sure, and not what is printed"
