#!/usr/bin/env bash
# reportlab: a comb field for five digits is drawn as one box, with the digits together at its left side.
#
# One would guess that `textfield(fieldFlags="comb", maxlen=5)` draws what PDF viewers draw for such a field: five
# cells of equal width with a digit in the middle of each. The flag is set in the file, but the appearance that
# reportlab stores beside it, which renderers show and printers print, has neither cells nor spacing. Where a form is
# read by the places of its cells, its printed example value lies in the first two of them.
# What to do: draw the cells and the digits as lines and text, or let a viewer draw the appearance anew.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pypdfium2==5.15.2 reportlab==5.1.0 pikepdf==10.18.0 numpy==2.4.6 pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import numpy as np
import pikepdf
import pypdfium2
import reportlab
from reportlab.pdfgen import canvas

print("reportlab", reportlab.__version__)
COMB = 1 << 24  # ISO 32000-1, table 228
file = io.BytesIO()
page = canvas.Canvas(file)
page.acroForm.textfield(
    name="count", value="12345", x=100, y=700, width=200, height=30, fieldFlags="comb", maxlen=5,
    borderWidth=0, fillColor=None,
)  # fmt: skip
page.showPage()
page.save()

pdf = pikepdf.open(io.BytesIO(file.getvalue()))
field = pdf.Root.AcroForm.Fields[0]
print("comb flag", bool(int(field.Ff) & COMB), "of", int(field.MaxLen), "cells")
document = pypdfium2.PdfDocument(file.getvalue())
document.init_forms()
grey = np.asarray(document[0].render(scale=3).to_pil().convert("L"))
columns = np.flatnonzero((grey < 128).any(0)) / 3 - 100  # points from the field's left side
print(f"ink from {columns.min():.0f} to {columns.max():.0f} of 200 points; five cells of 40 points")
assert int(field.Ff) & COMB and int(field.MaxLen) == 5
assert columns.max() < 80  # the last digit belongs between 160 and 200
print("as described: all five digits lie in the first two cells")
PYTHON
