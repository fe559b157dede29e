"""PDFs written by hand, object by object: for what no ordinary program writes."""

from collections.abc import Mapping, Sequence


def pdf(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Write a PDF of numbered objects; the first is the catalogue."""
    content = b"%PDF-1.7\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        content
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer << /Size %d /Root 1 0 R %s >>\n" % (size, trailer)
        + b"startxref\n%d\n%%%%EOF\n" % len(content)
    )


def stream(content: bytes, entries: Mapping[str, object] | None = None) -> bytes:
    """Write a stream object."""
    named = " ".join(f"/{name} {value}" for name, value in (entries or {}).items())
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (named.encode(), len(content), content)


def drawn(
    content: bytes,
    size: tuple[float, float] = (200, 100),
    catalogue: bytes = b"",
    page: bytes = b"",
) -> bytes:
    """Write a PDF of one page with these drawing operators, and more entries."""
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalogue,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %f %f] /Contents 4 0 R %s >>"
            % (*size, page),
            stream(content),
        ]
    )


def scanned(
    jpeg: bytes, pixels: tuple[int, int], size: tuple[float, float], page: bytes = b""
) -> bytes:
    """Write a PDF of one page that a JPEG of these pixels covers; the size is in points."""
    entries = {
        "Type": "/XObject", "Subtype": "/Image", "Width": pixels[0], "Height": pixels[1],
        "ColorSpace": "/DeviceGray", "BitsPerComponent": 8, "Filter": "/DCTDecode",
    }  # fmt: skip
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %f %f] /Contents 4 0 R"
            b" /Resources << /XObject << /Scan 5 0 R >> >> %s >>" % (*size, page),
            stream(b"q %f 0 0 %f 0 0 cm /Scan Do Q" % size),
            stream(jpeg, entries),
        ]
    )
