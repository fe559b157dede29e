#!/usr/bin/env bash
# python-stdnum: some check digits accept digits of other scripts, some do not, and the returned number differs.
#
# One would guess that a number of full-width digits (as Japanese keyboards type them) is either refused everywhere
# or brought to ASCII everywhere. Instead `ean` accepts and returns ASCII digits; `damm` and `verhoeff` accept and
# return the full-width digits unchanged; `luhn` refuses. What passed as valid is then another string than the same
# number read from paper: a comparison, a join or a test for uniqueness misses it.
# What to do: bring digits to ASCII before any check (`unicodedata.normalize("NFKC", text)`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check python-stdnum==2.2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import unicodedata

import stdnum
from stdnum import damm, ean, luhn, verhoeff
from stdnum.exceptions import ValidationError

print("python-stdnum", stdnum.__version__)


def full_width(number):
    return "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in number)


seen = {}
for check, number in ((ean, "4006381333931"), (damm, "5724"), (verhoeff, "2363"), (luhn, "79927398713")):
    name, wide = check.__name__.removeprefix("stdnum."), full_width(number)
    assert unicodedata.normalize("NFKC", wide) == number
    assert check.validate(number) == number
    try:
        answer = check.validate(wide)
        seen[name] = "ASCII digits" if answer == number else "the same digits" if answer == wide else answer
    except ValidationError as error:
        seen[name] = type(error).__name__
    print(f"{name}: full-width digits give {seen[name]}")
assert seen == {
    "ean": "ASCII digits", "damm": "the same digits", "verhoeff": "the same digits", "luhn": "InvalidFormat",
}
print("as described: three ways to treat the same input")
PYTHON
