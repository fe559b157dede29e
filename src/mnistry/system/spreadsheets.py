"""Cells of CSV files that people open with a spreadsheet."""

_NOT_FIRST = ("=", "+", "-", "@", "\t", "\r")


def spreadsheet_text(text: str) -> str:
    """Return a cell's text; if a spreadsheet would take it for a formula, after an apostrophe.

    Examples
    --------
    >>> spreadsheet_text("-6"), spreadsheet_text("-6+2"), spreadsheet_text("=6")
    ('-6', "'-6+2", "'=6")
    """
    digits = text[1:].replace(".", "", 1).replace(",", "", 1)
    is_number = text[:1] in ("+", "-") and digits.isdecimal()
    return f"'{text}" if text.startswith(_NOT_FIRST) and not is_number else text
