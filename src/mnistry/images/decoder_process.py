"""The program that `mnistry.images.isolated` starts, which opens PDFs and HEICs and decodes pages.

It can be killed at any time, and a file that crashes its decoder ends only this process. It imports
nothing of mnistry, so that it starts quickly.

Requests come on stdin, each a line of JSON:

- ``{"open": "pdf" or "heic", "path": PATH}``, or ``"bytes": N`` in place of the path: then N bytes
  follow the line.
- ``{"page": INDEX, "side": SIDE or null}`` draws a page of a PDF, ``{}`` decodes a HEIC.
- ``{"fields": true}`` lists the form fields of a PDF.
- ``{"close": true}`` closes the file, and ``{"import": MODULE}`` prepares for one. These two have
  no answer.

Answers go to stdout: a line of JSON, and after that as many bytes of pixels as it says. If a
request fails, the answer is ``{"error": TEXT, "refused": true or false}``.
"""

import contextlib
import ctypes
import importlib
import itertools
import json
import math
import sys
from typing import Any

# Bytes of memory, where the system can limit them.
_MAX_MEMORY = 1_600_000_000
# Dots per inch: a page that is not a scan is drawn with `_DPI`, a scan with `_MOST_DPI` at most.
_DPI, _MOST_DPI = 300.0, 1200.0
_POINTS = 72.0  # per inch
# A picture that covers at least `_SCAN` of its page is a scan. One that covers `_SMALL_PICTURE` of
# the page or less does not decide the page's resolution.
_SCAN, _SMALL_PICTURE = 0.3, 0.01
_MAX_SIDE = 32_000  # pixels
# The scan is looked for among the first `_MOST_OBJECTS` objects on a page, nested `_DEPTH` deep.
_MOST_OBJECTS, _DEPTH = 5000, 4
# The most form fields of a document, options of a field, and characters of a text.
_MOST_FIELDS, _MOST_OPTIONS, _MOST_CHARACTERS = 2000, 50, 300
# PDFium gives places on a page in whole numbers, so they are asked for in hundredths of a point.
_PARTS = 100


class _RefusedError(Exception):
    """Why a page is not drawn."""


class _Pdf:
    """An open PDF."""

    def __init__(self, source: Any, max_pixels: int) -> None:
        import pypdfium2

        self._document, self._max_pixels = pypdfium2.PdfDocument(source), max_pixels
        self._document.init_forms()  # before any page is fetched: else no field is drawn or listed
        self.facts = {"count": len(self._document)}

    def page(self, page: int, side: int | None) -> tuple[dict[str, Any], Any]:
        """Draw a page."""
        opened = self._document[page]
        try:
            dpi, height, width = _resolution(opened, self._max_pixels)
            factor = 1
            while side is not None and factor < 8 and max(height, width) >= 2 * factor * side:
                factor *= 2
            columns, rows = max(1, width // factor), max(1, height // factor)
            answer = {"dpi": dpi, "size": (height, width), "columns": columns, "rows": rows}
            return answer, _drawn(opened, self._document.formenv, columns, rows)
        finally:
            opened.close()

    def fields(self) -> list[dict[str, Any]]:
        """List the form fields of all pages."""
        import pypdfium2.raw as pdfium

        if self._document.formenv is None:
            return []
        found: list[dict[str, Any]] = []
        for number in range(len(self._document)):
            page = self._document[number]
            for index in range(pdfium.FPDFPage_GetAnnotCount(page.raw)):
                annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
                field = _field(self._document.formenv.raw, page, annotation)
                pdfium.FPDFPage_CloseAnnot(annotation)
                if field is not None:
                    found.append({"page": number + 1, **field})
                if len(found) > _MOST_FIELDS:
                    raise _RefusedError(f"more than {_MOST_FIELDS:,} form fields")
            page.close()
        return found


class _Heic:
    """An open HEIC; its main picture is the page."""

    def __init__(self, source: Any) -> None:
        import pi_heif

        self._file = pi_heif.open_heif(source)
        self.facts = {"size": self._file.size, "count": len(self._file)}

    def page(self) -> tuple[dict[str, Any], Any]:
        """Decode the picture to rows of `stride` bytes."""
        pixels, stride = self._file.data, self._file.stride
        return {"mode": self._file.mode, "stride": stride, "size": self._file.size}, pixels


def main() -> None:
    """Answer requests until stdin ends."""
    with contextlib.suppress(ImportError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, _MAX_MEMORY))
    kinds = {"pdf": _Pdf, "heic": _Heic}
    opened: Any = None
    for line in iter(sys.stdin.buffer.readline, b""):
        asked, pixels = json.loads(line), b""
        if asked.get("close"):
            opened = None
            continue
        if module := asked.get("import"):
            with contextlib.suppress(ImportError):  # opening a file reports it
                importlib.import_module(module)
            continue
        answer: dict[str, Any]
        try:
            if kind := asked.pop("open", None):
                path, size = asked.pop("path"), asked.pop("bytes", None)
                source = path if size is None else sys.stdin.buffer.read(size)
                opened = kinds[kind](source, **asked)
                answer = opened.facts
            elif asked.get("fields"):
                answer = {"fields": opened.fields()}
            else:
                answer, pixels = opened.page(**asked)
                answer["bytes"] = len(pixels)
        except MemoryError:
            answer = {"error": "it takes too much memory", "refused": True}
        except Exception as error:  # hostile bytes make decoders raise anything
            answer = {"error": str(error).strip(), "refused": isinstance(error, _RefusedError)}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.write(pixels)
        sys.stdout.buffer.flush()


def _resolution(page: Any, max_pixels: int) -> tuple[float, int, int]:
    """Return the dots per inch to draw a page with, and its height and width in these dots."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    across, down = page.get_width(), page.get_height()  # in points
    if not (0 < across < math.inf and 0 < down < math.inf):
        raise _RefusedError("a page without a size")
    found = []
    for picture in itertools.islice(page.get_objects(max_depth=_DEPTH), _MOST_OBJECTS):
        if picture.type != FPDF_PAGEOBJ_IMAGE:
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


def _drawn(page: Any, forms: Any, columns: int, rows: int) -> Any:
    """Draw a page with its form fields on white; return red, green and blue of each pixel."""
    import pypdfium2.raw as pdfium

    pixels = (ctypes.c_ubyte * (3 * columns * rows))()
    ctypes.memset(pixels, 255, len(pixels))
    # Not ctypes.cast(pixels, …): it makes a reference cycle, so that pages pile up in memory.
    bitmap = pdfium.FPDFBitmap_CreateEx(
        columns, rows, pdfium.FPDFBitmap_BGR, ctypes.c_void_p(ctypes.addressof(pixels)), 3 * columns
    )
    # Red comes first. Annotations are drawn too: the pens of tablets write them.
    flags = pdfium.FPDF_REVERSE_BYTE_ORDER | pdfium.FPDF_ANNOT
    pdfium.FPDF_RenderPageBitmap(bitmap, page.raw, 0, 0, columns, rows, 0, flags)
    if forms is not None:
        pdfium.FPDF_FFLDraw(forms.raw, bitmap, page.raw, 0, 0, columns, rows, 0, flags)
    pdfium.FPDFBitmap_Destroy(bitmap)
    return pixels


def _field(forms: Any, page: Any, annotation: Any) -> dict[str, Any] | None:
    """Describe a form field; return None for buttons, signatures and other annotations.

    Also for fields that are hidden or beside the page.
    """
    import pypdfium2.raw as pdfium

    kinds = {
        pdfium.FPDF_FORMFIELD_CHECKBOX: "check",
        pdfium.FPDF_FORMFIELD_RADIOBUTTON: "radio",
        pdfium.FPDF_FORMFIELD_COMBOBOX: "choice",
        pdfium.FPDF_FORMFIELD_LISTBOX: "choice",
        pdfium.FPDF_FORMFIELD_TEXTFIELD: "text",
    }
    kind = kinds.get(pdfium.FPDFAnnot_GetFormFieldType(forms, annotation))
    edges = pdfium.FS_RECTF()
    if kind is None or not pdfium.FPDFAnnot_GetRect(annotation, edges):
        return None
    corners = [_on_page(page, edges.left, edges.top), _on_page(page, edges.right, edges.bottom)]
    (left, right), (top, bottom) = (sorted(side) for side in zip(*corners, strict=True))
    is_beside = left > page.get_width() or top > page.get_height() or min(right, bottom) < 0
    if is_beside or pdfium.FPDFAnnot_GetFlags(annotation) & pdfium.FPDF_ANNOT_FLAG_HIDDEN:
        return None
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
    import pypdfium2.raw as pdfium

    across, down = ctypes.c_int(), ctypes.c_int()
    size = (round(_PARTS * page.get_width()), round(_PARTS * page.get_height()))
    pdfium.FPDF_PageToDevice(page.raw, 0, 0, *size, 0, x, y, across, down)
    return across.value / _PARTS, down.value / _PARTS


def _text(get: Any, *arguments: Any) -> str:
    """Call a function that writes a text into a buffer: UTF-16, with two zeros at its end."""
    size = min(get(*arguments, None, 0), 2 * _MOST_CHARACTERS + 2)
    buffer = ctypes.create_string_buffer(size)
    if get(*arguments, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size) > size:
        return ""  # too long
    return buffer.raw.decode("utf-16-le", "replace").rstrip("\0")


if __name__ == "__main__":
    main()
