#!/usr/bin/env bash
# pypdfium2: what was typed into a PDF's form fields is missing from the picture of its page.
#
# One would guess that a rendered page shows what a viewer shows, all the more as `render` draws form fields by
# default (`may_draw_forms=True`), and that `init_forms()` can be called at any time before `render`. Instead a field
# and its content are left out, without a warning, unless `init_forms()` was called before the page was fetched.
# A filled form then looks like a blank one, and a program that reads forms finds every field empty.
# What to do: call `init_forms()` right after the document is opened.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pypdfium2==5.15.2 reportlab==5.1.0 numpy==2.4.6 pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import pypdfium2
from reportlab.pdfgen import canvas

print("pypdfium2", pypdfium2.PYPDFIUM_INFO, "pdfium", pypdfium2.PDFIUM_INFO)
file = io.BytesIO()
page = canvas.Canvas(file)
page.acroForm.textfield(name="count", value="12345", x=100, y=700, width=200, height=30)
page.showPage()
page.save()


def dark_pixels(when):
    document = pypdfium2.PdfDocument(file.getvalue())
    if when == "before the page":
        document.init_forms()
    fetched = document[0]
    if when == "after the page":
        document.init_forms()
    grey = np.asarray(fetched.render(scale=2).to_pil().convert("L"))
    return int((grey < 128).sum())


seen = {when: dark_pixels(when) for when in ("never", "after the page", "before the page")}
for when, count in seen.items():
    print(f"init_forms() {when}: {count} dark pixels")
assert seen["never"] == seen["after the page"] == 0
assert seen["before the page"] > 1000
print("as described: only the last way shows the field")
PYTHON
