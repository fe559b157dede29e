#!/usr/bin/env bash
# Pictures in PDFs: what a library takes out of a file is often the negative of what the page shows.
#
# Scanners put black and white pages into PDFs as stencil masks (painted where a bit is 0), as indexed pictures, or with
# a Decode array that turns black and white round. One would guess that a call which returns the picture, not its bytes,
# returns it as the page shows it, in every library, or that a library which heeds Decode does so for all pictures. A
# mask is right in pypdf and a negative in PyMuPDF and in pypdfium2's `get_bitmap` and `extract`. `extract` heeds Decode
# nowhere here, get_bitmap everywhere; pypdf heeds it for grey values and not for indexed ones; pikepdf the same, and not
# for JPEGs; PyMuPDF's `extract_image` for all but JPEGs. None says anything; a reader of digits sees white on black.
# What to do: render the page, and cut the picture out of that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    pypdf==7.1.1 pikepdf==10.18.0 pypdfium2==5.15.2 pymupdf==2.0 pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import io

import numpy as np
import pikepdf
import pymupdf
import pypdf
import pypdfium2
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image

print("pypdf", pypdf.__version__, "pikepdf", pikepdf.__version__, "pymupdf", pymupdf.__version__,
      "pypdfium2", pypdfium2.version.PYPDFIUM_INFO)


def write(raw, **entries):
    """A page of 80 x 80 that is covered by a picture of 8 x 8."""
    with pikepdf.new() as document:
        page = document.add_blank_page(page_size=(80, 80))
        picture = Stream(document, raw, Type=Name.XObject, Subtype=Name.Image, Width=8, Height=8, **entries)
        page.Resources = Dictionary(XObject=Dictionary(Picture=picture))
        page.Contents = Stream(document, b"0 g 80 0 0 80 0 0 cm /Picture Do")
        document.save("page.pdf")


def tones(image):
    """"dark light" or "light dark": the left and the right half."""
    grey = np.asarray(image.convert("L"))
    left, right = grey[grey.shape[0] // 2, [grey.shape[1] // 4, grey.shape[1] * 3 // 4]]
    return "dark light" if left < right else "light dark"


def extracted(pdfium_object):
    buffer = io.BytesIO()
    pdfium_object.extract(buffer, fb_format="png")
    return Image.open(io.BytesIO(buffer.getvalue()))


def look(kind):
    document = pypdfium2.PdfDocument("page.pdf")
    page = document[0]
    (pdfium_object,) = page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
    shown = tones(page.render(scale=1).to_pil())
    seen = {"get_bitmap": tones(pdfium_object.get_bitmap().to_pil()), "extract": tones(extracted(pdfium_object))}
    seen["pypdf"] = tones(pypdf.PdfReader("page.pdf").pages[0].images[0].image)
    mu = pymupdf.open("page.pdf")
    seen["pymupdf"] = tones(Image.open(io.BytesIO(mu.extract_image(mu[0].get_images()[0][0])["image"])))
    if kind != "mask":  # pikepdf does not list masks among a page's pictures
        with pikepdf.open("page.pdf") as document:
            seen["pikepdf"] = tones(pikepdf.PdfImage(document.pages[0].images["/Picture"]).as_pil_image())
    negatives = {library for library, seen_ in seen.items() if seen_ != shown}
    print(f"{kind}: the page shows {shown}; negatives: {', '.join(sorted(negatives)) or 'none'}")
    return negatives


half = np.zeros((8, 8), np.uint8)
half[:, :4] = 1
bits = np.packbits(half, axis=1).tobytes()
grey = half * np.uint8(200)
jpeg = io.BytesIO()
Image.fromarray(grey).save(jpeg, "jpeg", quality=95)
gray, turned = {"ColorSpace": Name.DeviceGray}, {"Decode": Array([1, 0])}
indexed = {"ColorSpace": Array([Name.Indexed, Name.DeviceGray, 1, pikepdf.String(b"\xf0\x20")])}
write(bits, BitsPerComponent=1, **gray)
assert look("one bit") == set()
write(bits, BitsPerComponent=1, ImageMask=True)
assert look("mask") == {"get_bitmap", "extract", "pymupdf"}
write(grey.tobytes(), BitsPerComponent=8, **gray, **turned)
assert look("grey, Decode") == {"extract"}
write(bits, BitsPerComponent=1, **indexed, **turned)
assert look("indexed, Decode") == {"pypdf", "pikepdf"}
write(jpeg.getvalue(), BitsPerComponent=8, Filter=Name.DCTDecode, **gray, **turned)
assert look("JPEG, Decode") == {"extract", "pikepdf", "pymupdf"}
print("as described: every library returns some negatives")
PYTHON
