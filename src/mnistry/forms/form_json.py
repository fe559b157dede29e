"""A form as JSON: a batch keeps it, so that its folder is all that is needed to make tables."""

import dataclasses
import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from mnistry.forms.definition import Box, Field, Form, Rule, Table

_CLASSES = {one.__name__: one for one in (Box, Field, Form, Rule, Table)}


def dumps(form: Form) -> str:
    """Return a form as JSON."""
    return json.dumps(_encoded(form))


def loads(text: str) -> Form:
    """Return the form of `dumps`.

    Raises ArithmeticError, AttributeError, KeyError, TypeError or ValueError for any other text.
    """
    form = _decoded(json.loads(text))
    if not isinstance(form, Form):
        raise TypeError("not a form")
    return form


def _encoded(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        values = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return {
            "class": type(value).__name__,
            **{name: _encoded(one) for name, one in values.items()},
        }
    if isinstance(value, tuple):
        return [_encoded(one) for one in value]
    if isinstance(value, Decimal):
        return {"class": "decimal", "value": str(value)}
    if isinstance(value, datetime.date | datetime.time):
        return {"class": type(value).__name__, "value": value.isoformat()}
    if isinstance(value, Path):
        return {"class": "path", "value": str(value)}
    return value


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(one) for one in value)
    if not isinstance(value, dict):
        return value
    kind = value.pop("class")
    plain: dict[str, Callable[[str], Any]] = {
        "decimal": Decimal, "path": Path, "date": datetime.date.fromisoformat,
        "time": datetime.time.fromisoformat,
    }  # fmt: skip
    if kind in plain:
        return plain[kind](value["value"])
    return _CLASSES[kind](**{name: _decoded(one) for name, one in value.items()})
