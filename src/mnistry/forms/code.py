"""What the square code on a printed page says: form, version, page and serial number."""

import re
from dataclasses import dataclass

_TEXT = re.compile(r"M1/([0-9A-F]{6})/([0-9A-F]{8})/([1-9]\d?)/(\d{1,7})")
MAX_SERIAL = 9_999_999


@dataclass(frozen=True)
class Code:
    """What identifies a printed page.

    Attributes
    ----------
    form
        `Form.identity`: six hex digits, the same for all versions of a form.
    version
        `Form.version`: eight hex digits.
    page
        From 1.
    serial
        From 1; 0 for a copy without a number, such as one that will be photocopied.
    """

    form: str
    version: str
    page: int
    serial: int

    def __str__(self) -> str:
        return f"M1/{self.form}/{self.version}/{self.page}/{self.serial}".upper()


def parse(text: str) -> Code | None:
    """Return what a code says; None if it is another program's.

    Examples
    --------
    >>> code = parse("M1/5F0A1C/0F3D5A21/2/17")
    >>> code
    Code(form='5f0a1c', version='0f3d5a21', page=2, serial=17)
    >>> parse(str(code)) == code, parse("WIFI:S:guest;;")
    (True, None)
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    form, version, page, serial = match.groups()
    return Code(form.lower(), version.lower(), int(page), int(serial))
