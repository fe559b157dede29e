#!/usr/bin/env bash
# pydantic: Base64Bytes takes the data URL of a JPEG and decodes its prefix into the picture; a PNG's it refuses.
#
# A browser's canvas gives "data:image/jpeg;base64,/9j/...". One would guess that a field of the type Base64Bytes
# refuses that text: ":", ";" and "," are not in the alphabet. They are skipped, and the letters before the comma are
# decoded as if they were part of the picture. For "image/jpeg" and "image/webp" these are 20, a multiple of four: the
# model is valid, and 15 wrong bytes stand before the right ones. For "image/png" they are 19, so it is refused for its
# padding. A test with a PNG therefore tells nothing about a JPEG.
# What to do: cut off the prefix, and decode with `base64.b64decode(text, validate=True)` in a validator of your own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pydantic==2.14.4 pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import base64
import io

import pydantic
from PIL import Image


class Upload(pydantic.BaseModel):
    picture: pydantic.Base64Bytes


print("pydantic", pydantic.VERSION)
for kind, accepted in (("png", False), ("jpeg", True), ("webp", True)):
    buffer = io.BytesIO()
    Image.new("L", (28, 28), 200).save(buffer, kind)
    for padding in range(3):  # files of every length modulo 3, as zeros at the end are allowed
        picture = buffer.getvalue() + bytes(padding)
        text = base64.b64encode(picture).decode()
        assert Upload(picture=text).picture == picture
        try:
            got = Upload(picture=f"data:image/{kind};base64,{text}").picture
        except pydantic.ValidationError as error:
            print(f"{kind}, {len(picture)} bytes: refused: {error.errors()[0]['msg'][:75]}")
            assert not accepted
        else:
            print(f"{kind}, {len(picture)} bytes: valid, {len(got)} bytes, the first {got[:15].hex()}")
            assert accepted and got[15:] == picture
print("as described: JPEG and WebP get 15 wrong bytes in front, PNG is refused")
PYTHON
