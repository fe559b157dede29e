"""Check a sheet by its form's rules: a person looks at the fields that break one.

A rule may decide between the candidates of a field that is not sure, if exactly one of them fits;
the answer says so. A sure reading is never changed. Knows nothing of pictures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from mnistry.forms.answers import CHECK, OK, Answer, parse, rule_broken
from mnistry.forms.definition import Field, Form, Rule

# The least probability of a candidate that a rule may choose.
_LIKELY = 0.05

# A key is a table's name, a row from 0 and a column's name; of a field outside of tables ("", -1,
# name).
Key = tuple[str, int, str]
Answers = Mapping[Key, Answer]


@dataclass(frozen=True)
class Checked:
    """A sheet's answers after all rules, and what breaks one."""

    answers: dict[Key, Answer]
    problems: tuple[str, ...]


def key(name: str) -> Key:
    """Return the key of a field that is in no table.

    Examples
    --------
    >>> key("station")
    ('', -1, 'station')
    """
    return "", -1, name


def keys_of(form: Form) -> list[Key]:
    """Return the keys of all fields, then those of all cells of tables, in the form's order."""
    found = [key(entry.name) for entry in form.fields]
    for table in form.tables:
        found += [
            (table.name, row, column.name) for row in range(table.rows) for column in table.columns
        ]
    return found


def name_of(at: Key) -> str:
    """Return the name by which `Form.entries` and rules know a field.

    Examples
    --------
    >>> name_of(("catch", 0, "count")), name_of(key("station"))
    ('catch.count', 'station')
    """
    return f"{at[0]}.{at[2]}" if at[0] else at[2]


def check(form: Form, answers: Answers) -> Checked:
    """Check the answers of a sheet by its form's rules.

    Rules about several sheets (``unique`` outside of a table) are checked in
    `mnistry.forms.output`.
    """
    found = dict(answers)
    entries = form.entries()
    for at, answer in answers.items():
        entry = entries[name_of(at)]
        found[at] = _chosen(answer, entry, _always)
    problems: list[str] = []
    for rule in form.rules:
        for group in _groups(form, rule):
            problems += _check_group(rule, group, found, entries)
    return Checked(found, tuple(problems))


def _chosen(answer: Answer, entry: Field, fits: Callable[[Any], bool]) -> Answer:
    """Choose the one candidate that fits; change nothing if there is not exactly one."""
    if answer.status != CHECK or len(answer.candidates) < 2:
        return answer
    fitting = []
    for text, probability in answer.candidates:
        value, problem = parse(entry, text)
        if problem is None and rule_broken(entry, value) is None and fits(value):
            fitting.append((text, value, probability))
    if len(fitting) != 1 or fitting[0][2] < _LIKELY:
        return answer
    text, value, probability = fitting[0]
    why = f"the only one of {len(answer.candidates)} candidates that fits the rules"
    return replace(
        answer, text=text.strip(), value=value, confidence=probability, status=OK, why=why,
        candidates=(),
    )  # fmt: skip


def _always(value: Any) -> bool:  # noqa: ARG001 (any value fits)
    return True


@dataclass(frozen=True)
class _Group:
    """Fields that a rule binds together, such as those of one row.

    `names[i]` has the keys that the rule's i-th name stands for: one, or one for each row of its
    table. `where` is how messages begin.
    """

    names: tuple[tuple[Key, ...], ...]
    equals: Key | None
    where: str = ""


def _groups(form: Form, rule: Rule) -> list[_Group]:
    """Return a rule's fields in groups.

    If all are columns of one table there is a group for each row, but not for `unique`, which
    compares the rows; else there is one group.
    """
    rows = {table.name: table.rows for table in form.tables}
    names = [*rule.names, *([rule.equals] if rule.equals else [])]
    tables = {name.split(".")[0] if "." in name else "" for name in names} - {""}
    is_in_rows = len(tables) == 1 and all("." in name for name in names)
    if is_in_rows and rule.kind != "unique":
        (table,) = tables
        return [
            _Group(
                tuple((_key(name, row),) for name in rule.names),
                _key(rule.equals, row) if rule.equals else None,
                f"{table}, row {row + 1}: ",
            )
            for row in range(rows[table])
        ]
    every = tuple(
        tuple(_key(name, row) for row in range(rows[name.split(".")[0]]))
        if "." in name else (key(name),)
        for name in rule.names
    )  # fmt: skip
    return [_Group(every, key(rule.equals) if rule.equals else None)]


def _key(name: str, row: int) -> Key:
    table, _, column = name.rpartition(".")
    return (table, row, column) if table else key(column)


def _check_group(
    rule: Rule, group: _Group, found: dict[Key, Answer], entries: Mapping[str, Field]
) -> list[str]:
    """Check some fields by one rule; change their answers, and return what is wrong."""
    if rule.kind == "sum":
        return _sum(group, found, entries)
    if rule.kind == "unique":
        return _unique_rows(group, found)
    messages = []
    for names in zip(group.names, group.names[1:], strict=False):
        (before,), (after,) = names
        first, second = found.get(before), found.get(after)
        if first is None or second is None or first.value is None or second.value is None:
            continue
        lower, higher = cast("tuple[Any, Any]", (first.value, second.value))
        if not lower < higher:
            word = "earlier" if rule.kind == "before" else "less"
            for one in (before, after):
                found[one] = found[one].doubted(f"{before[2]} is not {word} than {after[2]}")
            messages.append(
                f"{group.where}{before[2]} is {first.value}, which is not {word} than "
                f"{after[2]}, {second.value}"
            )
    return messages


def _sum(group: _Group, found: dict[Key, Answer], entries: Mapping[str, Field]) -> list[str]:
    """Check a sum by its parts; let it decide one field that is not sure."""
    parts = [one for keys in group.names for one in keys if one in found]
    if group.equals is None or group.equals not in found:
        return []
    total_key = group.equals
    every = [*parts, total_key]
    unsure = [one for one in every if found[one].status == CHECK]
    if len(unsure) == 1 and found[unsure[0]].candidates:
        one = unsure[0]
        entry = entries[name_of(one)]

        def fits(value: Any) -> bool:
            values = {**found, one: replace(found[one], value=value)}
            return _total(parts, values) == values[total_key].value

        found[one] = _chosen(found[one], entry, fits)
    total = found[group.equals].value
    if total is None and all(found[one].value is None for one in parts):
        return []
    added = _total(parts, found)
    if total == added:
        return []
    for one in every:
        if found[one].value is not None or one == total_key:
            found[one] = found[one].doubted("a sum does not agree")
    names = " + ".join(dict.fromkeys(one[2] for one in parts))
    given, sum_of_parts = value_text(total), value_text(added)
    return [f"{group.where}{group.equals[2]} is {given}, {names} are {sum_of_parts}"]


def value_text(value: Any) -> str:
    """Return a field's value as text for a message."""
    return "empty" if value is None else str(value)


def _total(parts: Sequence[Key], found: Mapping[Key, Answer]) -> Decimal | int:
    values = [found[one].value for one in parts]
    return sum((value for value in values if isinstance(value, int | Decimal)), start=Decimal(0))


def _unique_rows(group: _Group, found: dict[Key, Answer]) -> list[str]:
    """Find rows of a table that have the same values."""
    if not all(keys[0][0] for keys in group.names):
        return []  # between sheets
    seen: dict[tuple[Any, ...], int] = {}
    messages = []
    for row, keys in enumerate(zip(*group.names, strict=True)):
        values = tuple(found[one].value if one in found else None for one in keys)
        if None in values:
            continue
        if values in seen:
            for one in keys:
                found[one] = found[one].doubted(f"row {seen[values] + 1} has the same values")
            rows = f"rows {seen[values] + 1} and {row + 1}"
            messages.append(f"{keys[0][0]}: {rows} have the same values")
        seen.setdefault(values, row)
    return messages
