"""How sure a field must be to be called ok, if only a given share of those fields may be wrong.

The curve comes from 76 generated sheets, 60 with MNIST's digits and 16 by four pen writers. For a
least confidence it has the mean of 1 - confidence of the fields that reach it: the share that is
expected to be wrong.
"""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np

from mnistry.errors import UsageError
from mnistry.forms import versions
from mnistry.forms.answers import CHECK, OK, UNSURE, Answer
from mnistry.forms.definition import Form
from mnistry.forms.records import Sheet
from mnistry.forms.rules import name_of
from mnistry.forms.store import Store

_META = "risk"
USUAL = "usual"
# A least confidence, and how many of 10,000 fields that reach it are expected to be wrong.
_CURVE = (
    (0.8, 110.0), (0.9, 82.0), (0.95, 62.0), (0.97, 50.0), (0.98, 42.0), (0.99, 32.0),
    (0.995, 22.0), (0.998, 11.4), (0.999, 6.1), (0.9995, 3.6),
)  # fmt: skip


def parse(text: str) -> float | None:
    """Return a risk that was typed, or None for the usual one.

    Raises
    ------
    UsageError
        If it is not a fraction, or is outside the range of the curve.

    Examples
    --------
    >>> parse("4/10000"), parse("usual")
    (0.0004, None)
    """
    if text == USUAL:
        return None
    low, high = (_CURVE[end][1] / 10_000 for end in (-1, 0))
    is_number = re.fullmatch(r"[0-9]+(/[1-9][0-9]*|\.[0-9]+)?", text) is not None
    risk = float(Fraction(text)) if is_number and len(text) < 20 else 0.0
    if not low <= risk <= high:
        raise UsageError(
            f"a risk of {text}", where="--risk",
            expected=f"{10_000 * low:g}/10000 to {10_000 * high:g}/10000, or {USUAL}",
        )  # fmt: skip
    return risk


def least_confidence(risk: float) -> float:
    """Return the least confidence of a field that is called ok.

    Examples
    --------
    >>> round(least_confidence(50 / 10_000), 3)
    0.97
    """
    confidences, wrong = np.array(_CURVE)[::-1].T
    return float(np.interp(10_000 * risk, wrong, confidences))


def keep(store: Store, risk: float | None) -> None:
    """Keep a batch's risk; None is the usual one."""
    store.set_meta(_META, USUAL if risk is None else repr(risk))


def sheets(form: Form, store: Store) -> list[Sheet]:
    """Return all sheets of a batch, with the fields of this form.

    Fields are ok if they are sure enough for the batch's risk.
    """
    found = versions.as_newest(form, store, store.sheets())
    kept = store.meta(_META)
    if kept is None or kept == USUAL:
        return found
    least, entries = least_confidence(float(kept)), form.entries()
    written = {name for name, one in entries.items() if one.is_read}
    return [
        replace(
            sheet,
            answers={
                at: at_least(answer, least) if name_of(at) in written else answer
                for at, answer in sheet.answers.items()
            },
        )
        for sheet in found
    ]


def at_least(answer: Answer, least: float) -> Answer:
    """Return an answer as ok, or as to be checked, by whether it is at least as sure as `least`.

    Examples
    --------
    >>> at_least(Answer("12", 12, 0.99, OK), 0.999).why
    'it is not sure enough for the risk'
    """
    if answer.status == OK and answer.value is not None and answer.confidence < least:
        candidates = ((answer.text, answer.confidence),)
        why = "it is not sure enough for the risk"
        return replace(answer, status=CHECK, why=why, candidates=candidates)
    is_open = answer.status == CHECK and answer.why in UNSURE and not answer.is_contested
    if is_open and answer.candidates and answer.confidence >= least:
        text = answer.candidates[0][0].strip()
        return replace(answer, text=text, status=OK, why=None, candidates=())
    return answer
