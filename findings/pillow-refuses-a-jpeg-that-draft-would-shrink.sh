#!/usr/bin/env bash
# Pillow refuses a JPEG of more than 179 megapixels although it was to be decoded at an eighth of its size.
#
# `Image.draft` lets Pillow decode a JPEG at 1/2, 1/4 or 1/8 of its size, for little memory and time. One would guess
# that the limit on pixels, which is there to bound memory, counts the pixels that will be decoded. It counts those of
# the file's header when the file is opened, so a photo of 200 megapixels, as phones take them, raises
# DecompressionBombError before `draft` can be called, and a smaller one only warns.
# What to do: read the size from the header yourself, set a limit for what is decoded, and raise Pillow's own
# (Image.MAX_IMAGE_PIXELS) no further than JPEGs need which are drafted at once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

from PIL import Image, __version__

print("pillow", __version__)
warnings.simplefilter("error", Image.DecompressionBombWarning)


def at_an_eighth(width, height):
    Image.new("L", (width, height), 200).save("photo.jpg", quality=30)
    try:
        with Image.open("photo.jpg") as image:
            image.draft("L", (width // 8, height // 8))
            image.load()
            return f"decoded as {image.size[0]} x {image.size[1]}"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return type(error).__name__


photo = at_an_eighth(16320, 12240)  # what a phone's sensor of 200 megapixels gives
smaller = at_an_eighth(12000, 9000)
usual = at_an_eighth(8000, 6000)
print("200 megapixels:", photo)
print("108 megapixels:", smaller)
print("48 megapixels:", usual)
assert photo == "DecompressionBombError"
assert smaller == "DecompressionBombWarning"
assert usual == "decoded as 1000 x 750"
print("as described: the header's pixels count, not those that draft decodes")
PYTHON
