"""Turn a field's characters into its value, such as a number or a date, and say if that is sure.

An answer is ``ok`` only if each character is sure and nothing else is in doubt. Everything else is
``check``: a person looks at it. Knows nothing of pictures.
"""

import datetime
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from mnistry.forms.characters import Characters, ReadPlace
from mnistry.forms.definition import Field

OK, CHECK, EMPTY = "ok", "check", "empty"
# Why a field is to be checked if nothing but its characters is in doubt: one of them, or more.
UNSURE = "a character is not sure", "characters are not sure"

# Below this probability a mark may be no digit at all: no rule of the form may decide what it is.
_LEGIBLE = 0.3
# The most texts that a field may have, for rules to choose from.
MOST_CANDIDATES = 64
# The share of a tick box's area that is ink: below `_DIRT` it is dirt, from `_TICK` on a tick, and
# in doubt between them. Above `_FILLED` the box may be crossed out, or filled by mistake.
_DIRT, _TICK, _FILLED = 0.006, 0.012, 0.6

Value = str | int | Decimal | bool | None


@dataclass(frozen=True)
class Answer:
    """What a field says.

    Attributes
    ----------
    text
        As written, with ``?`` for a character that is not sure.
    value
        For digits a text; for an integer an ``int``, for a decimal a ``Decimal``; for a date and a
        time ISO 8601; for a choice the option, for a tick a ``bool``; None if it is not known. The
        most probable value where `status` is ``check``.
    confidence
        Probability that it is right, 0 to 1.
    status
        ``"ok"``, ``"check"`` or ``"empty"``.
    why
        Why it is to be checked, or what a rule decided; None if there is nothing to say.
    candidates
        Texts that it may have, and their probabilities, the most probable first; none if
        something other than unsure digits is in doubt.
    box, page
        Where it is on the form: x, y, width and height in millimetres.
    is_contested
        Whether it must not be shown to a person before they have typed what they see: the two
        networks disagree, or it is not even clear which marks belong to it.
    """

    text: str
    value: Value
    confidence: float
    status: str
    why: str | None = None
    candidates: tuple[tuple[str, float], ...] = ()
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    page: int = 1
    is_contested: bool = False

    def doubted(self, why: str) -> "Answer":
        """Return a copy with the status ``check``; earlier reasons come before the new one.

        It has no candidates: from now on no rule of the form may decide what it is.
        """
        whole = f"{self.why}; {why}" if self.why and self.status == CHECK else why
        return replace(self, status=CHECK, why=whole, candidates=())

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        value = self.value
        return {
            "text": self.text,
            "value": float(value) if isinstance(value, Decimal) else value,
            "confidence": round(self.confidence, 4),
            "status": self.status,
            "why": self.why,
            "box": [round(side, 2) for side in self.box],
            "page": self.page,
        }


def of_characters(entry: Field, found: Characters, *, is_comb: bool) -> Answer:
    """Decide what the characters of a field say.

    Parameters
    ----------
    entry
        The field.
    found
        Its characters.
    is_comb
        Whether the field is a comb, with one of `found.places` for each of its cells.
    """
    if found.is_struck_through:
        return _of_dash(entry, found.doubts)
    places = found.places
    text = found.text.strip()
    if not text:
        if found.doubts:
            return Answer("", None, 0.0, CHECK, "; ".join(found.doubts), is_contested=True)
        if entry.required:
            return Answer("", None, 1.0, CHECK, "empty, and required")
        return Answer("", None, 1.0, EMPTY)
    written = [place for place in places if place.candidates]
    is_clear = not found.doubts and all(place.is_sure for place in written)
    if is_clear and set(text) == {"-"}:
        return _of_dash(entry, found.doubts)
    confidence = 1.0
    for place in written:
        confidence *= place.confidence
    shown = _shown(entry, places, is_comb=is_comb)
    value, problem = parse(entry, _with_point(entry, found.text, is_comb=is_comb))
    reasons = list(found.doubts)
    unsure = sum(not place.is_sure for place in written)
    if unsure:
        reasons.append(UNSURE[unsure > 1])
    if problem:
        reasons.append(problem)
    elif value is not None:
        broken = rule_broken(entry, value)
        if broken:
            reasons.append(broken)
    may_be_chosen = not found.doubts and all(place.confidence >= _LEGIBLE for place in written)
    candidates = tuple(_candidates(entry, places, is_comb=is_comb)) if may_be_chosen else ()
    status = CHECK if reasons else OK
    is_contested = bool(found.doubts) or any(place.is_contested for place in places)
    why = "; ".join(reasons) or None
    return Answer(shown, value, confidence, status, why, candidates, is_contested=is_contested)


def _of_dash(entry: Field, doubts: Sequence[str]) -> Answer:
    """Return the answer for a dash, or for a line through all cells."""
    if entry.none is not None and set(entry.none) <= set("-–—"):
        return Answer(entry.none, None, 0.99, OK, "written as having no value")
    return Answer("-", None, 0.0, CHECK, "; ".join(doubts) or "a dash", is_contested=True)


def _with_point(entry: Field, text: str, *, is_comb: bool) -> str:
    """Insert the decimal point that is printed in a comb."""
    if is_comb and entry.type == "decimal" and entry.decimals:
        return f"{text[: -entry.decimals]}.{text[-entry.decimals :]}"
    return text


def _shown(entry: Field, places: Sequence[ReadPlace], *, is_comb: bool) -> str:
    text = "".join(place.text if place.is_sure else "?" for place in places)
    return _with_point(entry, text, is_comb=is_comb).strip()


def _candidates(
    entry: Field, places: Sequence[ReadPlace], *, is_comb: bool
) -> Iterator[tuple[str, float]]:
    """Yield the texts that may be meant; the most probable first."""
    choices = [
        place.candidates if place.candidates and not place.is_sure
        else ((place.text, 1.0),)
        for place in places
    ]  # fmt: skip
    count = 1
    for choice in choices:
        count *= len(choice)
    if count == 1 or count > 4096:
        return
    found = []
    for way in itertools.product(*choices):
        probability = 1.0
        for _, one in way:
            probability *= one
        text = "".join(character for character, _ in way)
        found.append((_with_point(entry, text, is_comb=is_comb), probability))
    found.sort(key=lambda one: -one[1])
    yield from found[:MOST_CANDIDATES]


def parse(entry: Field, text: str) -> tuple[Value, str | None]:
    """Convert a text to the field's value.

    Parameters
    ----------
    entry
        The field.
    text
        What is written. A comb's blank cells are spaces in it.

    Returns
    -------
    value, problem
        The value, None if there is none; and what is wrong with the text, None if nothing is.

    Examples
    --------
    >>> parse(Field("n", "n", "decimal", decimals=2), "12,50")
    (Decimal('12.50'), None)
    >>> parse(Field("day", "day", "date", format="DD.MM.YYYY"), "31022024")
    (None, 'there is no such date')
    """
    text = unicodedata.normalize("NFKC", text)
    inner = text.strip()
    if "?" in inner:
        return None, "a character was not read"
    if " " in inner:
        return None, "there is a gap between digits"
    if entry.type == "digits":
        return _digits(entry, inner)
    if entry.type == "integer":
        if not re.fullmatch(r"-?[0-9]+", inner):
            return None, "it is not a whole number"
        return int(inner), None
    if entry.type == "decimal":
        return _decimal(entry, inner)
    if entry.type in ("date", "time"):
        return _moment(entry, inner)
    return None, "it has no value"


def _digits(entry: Field, text: str) -> tuple[Value, str | None]:
    if not re.fullmatch(r"[0-9]+", text):
        return None, "it has other characters than digits"
    wanted = entry.length or entry.cells
    if wanted and len(text) != wanted:
        return text, f"it has {len(text)} of {wanted} digits"
    return text, None


def _decimal(entry: Field, text: str) -> tuple[Value, str | None]:
    match = re.fullmatch(r"(-?[0-9]*)(?:[.,]([0-9]*))?", text)
    if match is None or not any(character.isdigit() for character in text):
        return None, "it is not a number"
    whole, part = match.groups()
    if part is None and entry.decimals:
        return None, "it has no decimals"
    if entry.decimals and len(part) != entry.decimals:
        return None, f"it has {len(part)} of {entry.decimals} decimals"
    if part == "" or whole in ("", "-"):
        return None, "digits are missing beside the point"
    return Decimal(whole if part is None else f"{whole}.{part}"), None


def _moment(entry: Field, text: str) -> tuple[Value, str | None]:
    """Read a date or a time by the field's format."""
    form = entry.format or ("YYYY-MM-DD" if entry.type == "date" else "HH:MM")
    names = re.findall(r"Y+|M+|D+|H+|S+", form)
    numbers = re.findall(r"[0-9]+", text)
    if len(numbers) != len(names):
        digits = "".join(numbers)
        if len(digits) != sum(map(len, names)) or re.search(r"[^0-9.,/:-]", text):
            return None, f"a part of the {entry.type} is missing"
        at = itertools.accumulate(map(len, names), initial=0)
        numbers = [
            digits[start : start + len(name)] for start, name in zip(at, names, strict=False)
        ]
    if any(len(number) > len(name) for number, name in zip(numbers, names, strict=True)):
        return None, f"it is not a {entry.type} of the form {form}"
    parts = {name[0]: int(number) for name, number in zip(names, numbers, strict=True)}
    try:
        if entry.type == "time":
            moment = datetime.time(parts.get("H", 0), parts.get("M", 0), parts.get("S", 0))
            return moment.isoformat("seconds" if "S" in parts else "minutes"), None
        year = parts.get("Y", 1)
        if "YYYY" not in form:
            year += 2000 if year < 70 else 1900
        return datetime.date(year, parts.get("M", 1), parts.get("D", 1)).isoformat(), None
    except ValueError:
        return None, f"there is no such {entry.type}"


def rule_broken(entry: Field, value: Value) -> str | None:
    """Return which of the field's own rules a value breaks; None if it breaks none.

    Examples
    --------
    >>> rule_broken(Field("n", "n", "integer", minimum=Decimal(0)), -3)
    'it is less than 0'
    """
    comparable: Any = value
    if isinstance(value, str) and entry.type == "date":
        comparable = datetime.date.fromisoformat(value)
    elif isinstance(value, str) and entry.type == "time":
        comparable = datetime.time.fromisoformat(value)
    if entry.minimum is not None and comparable < entry.minimum:
        return f"it is less than {entry.minimum}"
    if entry.maximum is not None and comparable > entry.maximum:
        return f"it is more than {entry.maximum}"
    text = str(value)
    if not entry.matches(text):
        return "it does not match the pattern"
    if not entry.has_right_check_digit(text):
        return f"its check digit is wrong ({entry.check})"
    if entry.listed is not None and text not in entry.listed:
        return "it is not in the list"
    return None


def of_tick(fraction: float) -> Answer:
    """Decide whether a box is ticked, by the share of it that has ink.

    Examples
    --------
    >>> [of_tick(ink).value for ink in (0.0, 0.05)], of_tick(0.008).status
    ([False, True], 'check')
    """
    is_ticked = fraction >= (_DIRT + _TICK) / 2
    text = "x" if is_ticked else ""
    if _DIRT <= fraction < _TICK:
        return Answer(text, is_ticked, 0.5, CHECK, "there is very little ink", is_contested=True)
    if fraction > _FILLED:
        return Answer(
            text, is_ticked, 0.7, CHECK, "it is filled, or crossed out", is_contested=True
        )
    return Answer(text, is_ticked, 0.999, OK)


def of_choice(entry: Field, ticks: Sequence[Answer]) -> Answer:
    """Decide which option is chosen, by the answers of its boxes."""
    chosen = [option for option, tick in zip(entry.options, ticks, strict=True) if tick.value]
    text = " ".join(chosen)
    if len(chosen) > 1:
        return Answer(
            text, None, 0.0, CHECK, f"{len(chosen)} options are ticked", is_contested=True
        )
    doubts = [tick.why for tick in ticks if tick.status == CHECK and tick.why]
    if doubts:
        chosen_one = chosen[0] if chosen else None
        return Answer(text, chosen_one, 0.5, CHECK, doubts[0], is_contested=True)
    if not chosen:
        if entry.required:
            return Answer("", None, 1.0, CHECK, "empty, and required")
        return Answer("", None, 1.0, EMPTY)
    return Answer(text, chosen[0], 0.999, OK)
