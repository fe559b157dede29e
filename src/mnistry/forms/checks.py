"""Patterns and check digits, with libraries that take a bounded time.

Both come from FORM.toml: RE2 matches a pattern in a time proportional to the text's length, and a
check's name must be one of python-stdnum's modules.
"""

import functools
import importlib
import pkgutil
from typing import Any


@functools.cache
def compiled(pattern: str) -> Any:
    r"""Compile a regular expression for RE2.

    Raises
    ------
    ValueError
        If it is not valid, or looks back or ahead, which RE2 cannot.

    Examples
    --------
    >>> compiled("[1-9]{2}").fullmatch("17") is not None
    True
    >>> compiled(r"(1)\1")
    Traceback (most recent call last):
    ValueError: invalid escape sequence: \1
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        message = error.args[0] if error.args else "not valid"
        raise ValueError(message.decode() if isinstance(message, bytes) else str(message)) from None


@functools.cache
def check_names() -> frozenset[str]:
    """Return the names of the checks: python-stdnum's modules, without the package's name."""
    import stdnum

    found = pkgutil.walk_packages(stdnum.__path__, "stdnum.")
    return frozenset(module.name.removeprefix("stdnum.") for module in found if not module.ispkg)


def has_right_check_digit(name: str, text: str) -> bool:
    """Whether a text is valid by python-stdnum's module `name`, one of `check_names`.

    The text must be in NFKC form: a full-width digit would pass as the digit that it looks like.

    Examples
    --------
    >>> has_right_check_digit("luhn", "18"), has_right_check_digit("luhn", "19")
    (True, False)
    """
    return bool(importlib.import_module(f"stdnum.{name}").is_valid(text))
