#!/usr/bin/env bash
# pypdfium2, and any C library that draws into a buffer of ctypes: a page that nothing refers to stays in memory.
#
# A bitmap can be drawn into memory of one's own: a ctypes array, whose address is given to FPDFBitmap_CreateEx. One
# would guess that the array is freed when the last name for it goes, as other objects are. With ctypes.cast(array,
# c_void_p) it is not: the pointer and the array refer to each other, and only the garbage collector frees them. That
# looks at the number of objects, not at their size, so a hundred pages of 26 MB may pile up before it runs; in a
# process with a limit of memory, page 60 of a sound document fails. With c_void_p(addressof(array)) all is freed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pypdfium2==5.15.2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import ctypes
import platform

import pypdfium2
import pypdfium2.raw as pdfium

print("pypdfium2", pypdfium2.version.PYPDFIUM_INFO, "Python", platform.python_version())
COLUMNS, ROWS, PAGES = 2480, 3508, 20
document = pypdfium2.PdfDocument.new()
page = document.new_page(595, 842)


def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def draw(address_of):
    pixels = (ctypes.c_ubyte * (3 * COLUMNS * ROWS))()
    ctypes.memset(pixels, 255, len(pixels))
    bitmap = pdfium.FPDFBitmap_CreateEx(
        COLUMNS, ROWS, pdfium.FPDFBitmap_BGR, address_of(pixels), 3 * COLUMNS
    )
    pdfium.FPDF_RenderPageBitmap(bitmap, page.raw, 0, 0, COLUMNS, ROWS, 0, 0)
    pdfium.FPDFBitmap_Destroy(bitmap)


grown = {}
for name, address_of in (
    ("c_void_p(addressof(array))", lambda array: ctypes.c_void_p(ctypes.addressof(array))),
    ("cast(array, c_void_p)", lambda array: ctypes.cast(array, ctypes.c_void_p)),
):
    draw(address_of)
    before = megabytes()
    for _ in range(PAGES):
        draw(address_of)
    grown[name] = megabytes() - before
    print(f"{name}: {PAGES} pages of 26 MB, {grown[name]:.0f} MB more in memory")
flat, piled = grown.values()
if flat > 60 or piled < 200:
    raise SystemExit("the behaviour has changed")
print("as described: pages drawn into a cast buffer pile up")
PYTHON
