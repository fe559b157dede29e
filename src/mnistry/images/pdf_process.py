"""The program that draws pages of PDFs and lists their form fields.

It is a process of its own that `mnistry.images.pdf` starts. It can be given up at any time, and
what a damaged page does to PDFium ends nothing else. It imports nothing of mnistry, so that it
starts quickly.

Requests come on stdin, each a line of JSON: ``{"open": PATH}``, ``{"open": null, "bytes": N}`` and
then N bytes, ``{"page": INDEX, "side": SIDE or null}``, or ``{"fields": true}``. Answers go to
stdout: a line of JSON, and after that of a page its pixels, 3 bytes each. ``{"error": TEXT}``
answers what failed.
"""

import contextlib
import ctypes
import itertools
import json
import math
import sys
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

# Bytes of memory, where the system can bound them.
_MAX_MEMORY = 1_600_000_000
# Dots per inch of a page that is not a scan; and the most that are taken from a scan.
_DPI, _MOST_DPI = 300.0, 1200.0
_POINTS = 72.0  # per inch
# A scan covers at least this part of its page, and other pictures on it at least this part.
_SCAN, _SMALL_PICTURE = 0.3, 0.01
_MAX_SIDE = 32_000  # pixels
# Form fields of a document, options of one, and characters of a text.
_MOST_FIELDS, _MOST_OPTIONS, _MOST_CHARACTERS = 2000, 50, 300
_FINE = 100  # PDFium gives places on a page in whole numbers: parts of a point
_KINDS = {
    pdfium.FPDF_FORMFIELD_CHECKBOX: "check",
    pdfium.FPDF_FORMFIELD_RADIOBUTTON: "radio",
    pdfium.FPDF_FORMFIELD_COMBOBOX: "choice",
    pdfium.FPDF_FORMFIELD_LISTBOX: "choice",
    pdfium.FPDF_FORMFIELD_TEXTFIELD: "text",
}
# Objects on a page among which the scan is looked for, and how deep they may be nested.
_MOST_OBJECTS, _DEPTH = 5000, 4


class _RefusedError(Exception):
    """A page that is not drawn, and why."""


def main() -> None:
    """Answer requests until stdin ends."""
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
    max_pixels = int(sys.argv[1])
    document: Any = None
    source: Any = None
    for line in iter(sys.stdin.buffer.readline, b""):
        asked, pixels = json.loads(line), None
        content = sys.stdin.buffer.read(asked["bytes"]) if "bytes" in asked else None
        answer: dict[str, Any]
        try:
            if "open" in asked:
                source = content or asked["open"]
                document = pypdfium2.PdfDocument(source)
                answer = {"count": len(document)}
            elif "fields" in asked:
                answer = {"fields": _fields(source)}
            else:
                answer, pixels = _page(document, asked["page"], asked["side"], max_pixels)
        except Exception as error:  # hostile bytes make decoders raise anything
            answer = {"error": str(error), "refused": isinstance(error, _RefusedError)}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        if pixels is not None:
            sys.stdout.buffer.write(pixels)
        sys.stdout.buffer.flush()


def _page(
    document: Any, index: int, side: int | None, max_pixels: int
) -> tuple[dict[str, Any], Any]:
    page = document[index]
    try:
        dpi, height, width = _resolution(page, max_pixels)
        factor = 1
        while side is not None and factor < 8 and max(height, width) >= 2 * factor * side:
            factor *= 2
        columns, rows = max(1, width // factor), max(1, height // factor)
        answer = {"dpi": dpi, "size": (height, width), "columns": columns, "rows": rows}
        return answer, _drawn(page, columns, rows)
    finally:
        page.close()


def _resolution(page: Any, max_pixels: int) -> tuple[float, int, int]:
    """Return the dots per inch of a page's scan, and its height and width in them."""
    across, down = page.get_width(), page.get_height()  # in points
    if not (0 < across < math.inf and 0 < down < math.inf):
        raise _RefusedError("a page without a size")
    found = []
    for picture in itertools.islice(page.get_objects(max_depth=_DEPTH), _MOST_OBJECTS):
        if picture.type != pdfium.FPDF_PAGEOBJ_IMAGE:
            continue
        pixels, matrix = picture.get_px_size(), picture.get_matrix()
        if pixels[0] * pixels[1] > max_pixels:
            raise _RefusedError(f"a picture of {pixels[0]}x{pixels[1]} pixels on it")
        sides = math.hypot(matrix.a, matrix.b), math.hypot(matrix.c, matrix.d)
        part = sides[0] * sides[1] / (across * down)
        if part > _SMALL_PICTURE:
            dots = max(_POINTS * n / max(s, 0.1) for n, s in zip(pixels, sides, strict=True))
            found.append((part, dots))
    dpi = max((dots for _, dots in found), default=_DPI)
    if max((part for part, _ in found), default=0) < _SCAN:
        dpi = max(dpi, _DPI)
    dpi = min(
        dpi,
        _MOST_DPI,
        _POINTS * _MAX_SIDE / max(across, down),
        _POINTS * math.sqrt(max_pixels / (across * down)),
    )
    return dpi, max(1, round(down * dpi / _POINTS)), max(1, round(across * dpi / _POINTS))


def _drawn(page: Any, columns: int, rows: int) -> Any:
    """Draw a page on white; return red, green and blue of each pixel."""
    pixels = (ctypes.c_ubyte * (3 * columns * rows))()
    ctypes.memset(pixels, 255, len(pixels))
    bitmap = pdfium.FPDFBitmap_CreateEx(
        columns, rows, pdfium.FPDFBitmap_BGR, ctypes.cast(pixels, ctypes.c_void_p), 3 * columns
    )
    # Red first; and with annotations, as pens of tablets write them.
    flags = pdfium.FPDF_REVERSE_BYTE_ORDER | pdfium.FPDF_ANNOT
    pdfium.FPDF_RenderPageBitmap(bitmap, page.raw, 0, 0, columns, rows, 0, flags)
    pdfium.FPDFBitmap_Destroy(bitmap)
    return pixels


def _fields(source: Any) -> list[dict[str, Any]]:
    """List a document's form fields; PDFium shows them only if it was told so before its pages."""
    document = pypdfium2.PdfDocument(source)
    try:
        document.init_forms()
        if document.formenv is None:
            return []
        found: list[dict[str, Any]] = []
        for number in range(len(document)):
            page = document[number]
            for index in range(min(pdfium.FPDFPage_GetAnnotCount(page.raw), _MOST_FIELDS)):
                annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
                field = _field(document.formenv.raw, page, annotation)
                pdfium.FPDFPage_CloseAnnot(annotation)
                if field is not None:
                    found.append({"page": number + 1, **field})
            page.close()
            if len(found) >= _MOST_FIELDS:
                raise _RefusedError(f"more than {_MOST_FIELDS:,} form fields")
        return found
    finally:
        document.close()


def _field(forms: Any, page: Any, annotation: Any) -> dict[str, Any] | None:
    """Describe a form field; None for buttons, signatures and what is no field."""
    kind = _KINDS.get(pdfium.FPDFAnnot_GetFormFieldType(forms, annotation))
    edges = pdfium.FS_RECTF()
    if kind is None or not pdfium.FPDFAnnot_GetRect(annotation, edges):
        return None
    corners = [_on_page(page, edges.left, edges.top), _on_page(page, edges.right, edges.bottom)]
    (left, right), (top, bottom) = (sorted(side) for side in zip(*corners, strict=True))
    length = ctypes.c_float()
    pdfium.FPDFAnnot_GetNumberValue(annotation, b"MaxLen", length)
    options = min(pdfium.FPDFAnnot_GetOptionCount(forms, annotation), _MOST_OPTIONS)
    return {
        "kind": kind,
        "name": _text(pdfium.FPDFAnnot_GetFormFieldName, forms, annotation),
        "label": _text(pdfium.FPDFAnnot_GetFormFieldAlternateName, forms, annotation),
        "value": _text(pdfium.FPDFAnnot_GetFormFieldExportValue, forms, annotation),
        "flags": pdfium.FPDFAnnot_GetFormFieldFlags(forms, annotation),
        "length": int(length.value),
        "options": [
            _text(pdfium.FPDFAnnot_GetOptionLabel, forms, annotation, number)
            for number in range(max(options, 0))
        ],
        "box": (left, top, right - left, bottom - top),
    }


def _on_page(page: Any, x: float, y: float) -> tuple[float, float]:
    """Return a place in points from the top left corner of the page as it is shown."""
    across, down = ctypes.c_int(), ctypes.c_int()
    size = (round(_FINE * page.get_width()), round(_FINE * page.get_height()))
    pdfium.FPDF_PageToDevice(page.raw, 0, 0, *size, 0, x, y, across, down)
    return across.value / _FINE, down.value / _FINE


def _text(get: Any, *arguments: Any) -> str:
    """Call what writes a text into a buffer: UTF-16, with two zeros at its end."""
    size = min(get(*arguments, None, 0), 2 * _MOST_CHARACTERS + 2)
    buffer = ctypes.create_string_buffer(size)
    if get(*arguments, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size) > size:
        return ""  # too long
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")


if __name__ == "__main__":
    main()
