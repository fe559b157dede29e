"""What a person looks at: fields to be checked, and a blind sample of those that were sure.

A `Review` goes through the pages that were set aside and the fields that are to be checked, an
`Audit` through fields drawn at random from all that are ``ok``. Both show a field as a picture of
its surroundings, take what a person types, and keep it in the store before they go on. Knows
nothing of HTTP.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from mnistry.errors import DataError, UsageError, counted_noun
from mnistry.forms import crops, output, risk
from mnistry.forms.answers import OK, Answer, Value, parse, rule_broken
from mnistry.forms.definition import Box, Field, Form
from mnistry.forms.output import Result
from mnistry.forms.placing import Placing, Pointed
from mnistry.forms.reading import KEPT_SCALE, NOT_FOUND
from mnistry.forms.records import SECOND, Decision, Drawn, NewPage, Sheet, Unplaced, with_decisions
from mnistry.forms.rules import Key, keys_of, name_of, value_text
from mnistry.forms.store import Store
from mnistry.images.pixels import jpeg

TYPED, CONFIRMED = "typed", "confirmed"
_AROUND = (28.0, 9.0)  # millimetres round a field that are shown, across and down
_FRAME = (178, 114, 0)  # blue, as OpenCV orders it
_QUALITY = 90
_MOST_SHOWN = 6  # candidates
_PAGES_KEPT = 3  # so many pages' pictures stay decoded in memory
# A field's name in the batch, as `id_of` makes it: sheet, table, row, field.
_NAME = re.compile(r"([0-9]{1,15})/([^/]*)/(-?[0-9]{1,9})/(.+)", re.DOTALL)


@dataclass(frozen=True)
class View:
    """A field as a person is shown it.

    Attributes
    ----------
    id
        Its name in the batch.
    name, label, type, hint
        Which field it is; the hint says how it is written.
    where
        Its sheet.
    why
        Why it is to be checked; None if that would give a reading away.
    preset
        What Enter confirms; None: the person types first.
    candidates
        Texts and probabilities; none before the person has typed, if `preset` is None.
    keys
        What to type for each option of a choice or a tick.
    decided
        What was decided before.
    read
        What the machine read; None before the person has typed, if `preset` is None.
    """

    id: str
    name: str
    label: str
    type: str
    hint: str
    where: str
    why: str | None
    preset: str | None
    candidates: tuple[tuple[str, float], ...]
    keys: tuple[tuple[str, str], ...]
    decided: str | None
    read: str | None


@dataclass(frozen=True)
class Step:
    """What follows from a decision.

    Attributes
    ----------
    asks
        Why it should be confirmed once more; then nothing was kept.
    about
        The field that was decided, or whose decision was taken back, or the page that was placed or
        set aside again; None if there was none.
    added, removed, changed
        Fields and pages that are now to be looked at, that no longer are, and that are to be shown
        again.
    said
        A message: what was kept, and what was read.
    """

    asks: str | None = None
    about: str | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    said: str = ""


def id_of(sheet: int, at: Key) -> str:
    """Return the name of a field in a batch.

    Examples
    --------
    >>> id_of(3, ("catch", 0, "count"))
    '3/catch/0/count'
    """
    return f"{sheet}/{at[0]}/{at[1]}/{at[2]}"


def interpret(entry: Field, typed: str) -> tuple[Decision, str | None]:
    """Return what a person means by what they typed, and which rule of the field it breaks.

    Nothing typed means that nothing is written. A ``?`` means that nobody can read it.

    Examples
    --------
    >>> from decimal import Decimal
    >>> interpret(Field("n", "n", "integer", maximum=Decimal(99)), "120")[1]
    'it is more than 99'
    >>> interpret(Field("c", "c", "choice", options=("dry", "rain")), "2")[0].value
    'rain'
    """
    text = typed.strip()
    value: Value = None
    problem = broken = None
    if entry.type == "tick":
        problem = None if text.lower() in ("", "0", "1", "x") else _unknown(text, "1 or 0")
        if problem is None:
            value = text.lower() in ("1", "x")
            text = "x" if value else ""
    elif not text or text == entry.none:
        broken = "empty, and required" if entry.required and not text else None
    elif entry.type == "choice":
        value = option = _option(entry, text)
        problem = None if option or text == "0" else _unknown(text, "the number of an option")
        text = text if problem else option or ""
    elif entry.type == "text":
        value, problem = (None, "a character was not read") if text == "?" else (text, None)
    else:
        value, problem = parse(entry, _pointed(entry, text))
        if problem is None:
            broken = rule_broken(entry, value)
    return Decision(text, value, problem), broken


def _unknown(text: str, expected: str) -> str:
    return "a character was not read" if "?" in text else f"it is not {expected}"


def _option(entry: Field, text: str) -> str | None:
    """Return the option that is meant by its name, else by its number."""
    if text in entry.options:
        return text
    number = int(text) if text.isascii() and text.isdigit() else 0
    return entry.options[number - 1] if 1 <= number <= len(entry.options) else None


def _pointed(entry: Field, text: str) -> str:
    """Return a number with the point that is printed between its boxes, if all are typed."""
    boxes = entry.length or entry.cells
    if entry.decimals and text.isascii() and text.isdigit() and len(text) == boxes:
        return f"{text[: -entry.decimals]}.{text[-entry.decimals :]}"
    return text


class _Batch:
    """A batch's sheets and what they say, kept up to date with the store."""

    def __init__(self, form: Form, store: Store) -> None:
        self.form, self.store = form, store
        self.entries = form.entries()
        self.keys = keys_of(form)
        self._pages_of_form = output.pages_of(form)
        self._version = -1
        self._pictures: dict[str, crops.Picture] = {}
        self._private = crops.PrivateFields(form)
        self.refresh()

    def refresh(self) -> None:
        """Load what another process has written since the last call."""
        version = self.store.version
        if version == self._version:
            return
        self._version = version
        self.reload()

    def reload(self) -> None:
        """Load everything."""
        self.sheets = {sheet.id: sheet for sheet in risk.sheets(self.form, self.store)}
        self._alone: dict[int, Result] = {}
        for sheet in self.sheets.values():
            self._check_alone(sheet)
        self._check_together()

    def reload_decisions(self, sheet: int, at: Key) -> None:
        """Load the decisions about a field, and apply the rules again."""
        after = with_decisions(self.sheets[sheet], {at: self.store.decisions(sheet, at)})
        self.sheets[sheet] = after
        self._check_alone(after)
        self._check_together()

    def _check_alone(self, sheet: Sheet) -> None:
        """Apply the rules that look at one sheet."""
        found = output.result(self.form, sheet, self._pages_of_form)
        if found is not None:
            self._alone[sheet.id] = found

    def _check_together(self) -> None:
        """Apply the rules that compare sheets."""
        every = output.unique(self.form, list(self._alone.values()))
        self.results = {one.id: one for one in every}

    def entry(self, at: Key) -> Field:
        """Return a field by its key."""
        return self.entries[name_of(at)]

    def has_picture(self, sheet: int, at: Key) -> bool:
        """Whether there is a picture of a field."""
        return self._picture_name(sheet, at) is not None

    def _picture_name(self, sheet: int, at: Key) -> str | None:
        answer = self.sheets[sheet].answers.get(at)
        pages = self.sheets[sheet].pages
        names = [page.picture for page in pages if answer and page.page == answer.page]
        return names[0] if names else None

    def find(self, name: str) -> tuple[int, Key]:
        """Return the sheet and the key of a field.

        Raises
        ------
        UsageError
            If there is no such field.
        """
        found = _NAME.fullmatch(name)
        if found is not None:
            sheet, at = int(found[1]), (found[2], int(found[3]), found[4])
            if sheet in self.results and at in self.results[sheet].answers:
                return sheet, at
        raise UsageError("no such field in the batch")

    def crop(self, name: str) -> bytes:
        """Return a field and what is round it, as JPEG; other private fields are hidden.

        Raises
        ------
        DataError
            If there is no picture of it.
        """
        sheet, at = self.find(name)
        page = self._page(sheet, at)
        answer = self.sheets[sheet].answers[at]
        own = Box(*answer.box)
        hidden = self._private.boxes(self.sheets[sheet], answer.page, other_than=at)
        crops.hide(page, hidden, own)
        across, down = _AROUND
        seen = Box(
            max(0.0, own.x - across), max(0.0, own.y - down), own.width + 2 * across,
            own.height + 2 * down,
        )  # fmt: skip
        shown = cv2.cvtColor(np.ascontiguousarray(crops.part(page, seen)), cv2.COLOR_GRAY2BGR)
        left, top = (round((v - 0.8) * KEPT_SCALE) for v in (own.x - seen.x, own.y - seen.y))
        right, bottom = (
            round((v + 0.8) * KEPT_SCALE) for v in (own.right - seen.x, own.bottom - seen.y)
        )
        cv2.rectangle(shown, (left, top), (right, bottom), _FRAME, 2)
        return jpeg(np.asarray(shown, np.uint8), _QUALITY)

    def _page(self, sheet: int, at: Key) -> crops.Picture:
        """Return a copy of the page that a field is on."""
        name = self._picture_name(sheet, at)
        if name is not None and name not in self._pictures:
            page = next(page for page in self.sheets[sheet].pages if page.picture == name)
            seen = crops.decoded(self.store, page)
            if seen is not None:
                self._pictures[name] = seen
        if name is None or name not in self._pictures:
            raise DataError(
                "there is no picture of it", remedy="read the scans again, into a new batch"
            )
        while len(self._pictures) > _PAGES_KEPT:
            del self._pictures[next(one for one in self._pictures if one != name)]
        return self._pictures[name].copy()

    def where(self, sheet: int) -> str:
        """Say which sheet it is."""
        one = self.results[sheet]
        file = f"{one.file}, page {one.page}"
        return file if one.serial is None else f"serial {one.serial} ({file})"

    def view(self, name: str) -> View:
        """Return a field without anything that was read or decided."""
        sheet, at = self.find(name)
        entry = self.entry(at)
        keys: list[tuple[str, str]] = []
        if entry.type == "tick":
            keys = [("1", "ticked"), ("0", "not ticked")]
        elif entry.type == "choice":
            keys = [
                (option if option.isdigit() else _number(entry, number), option)
                for number, option in enumerate(entry.options, 1)
            ]
        label = entry.label
        if at[0]:
            table = next(table for table in self.form.tables if table.name == at[0])
            label = f"{table.label}, row {at[1] + 1}: {entry.label}"
        return View(
            name, output.named(*at), label, entry.type, _hint(entry), self.where(sheet), None, None,
            (), tuple(keys), None, None,
        )  # fmt: skip


def _number(entry: Field, number: int) -> str:
    """Return what to type for an option: its number, or its name if the number names another."""
    return str(number) if str(number) not in entry.options else entry.options[number - 1]


def _hint(entry: Field) -> str:
    if entry.type == "decimal":
        return f"a number with {entry.decimals} decimals" if entry.decimals else "a number"
    known = {
        "digits": "digits", "integer": "a whole number", "text": "text",
        "choice": "the key of an option", "tick": "1 or 0",
    }  # fmt: skip
    return known.get(entry.type) or entry.format or ("HH:MM" if entry.type == "time" else "a date")


class _Session:
    """One person's work on the fields of a batch.

    Parameters
    ----------
    form, store
        The batch.
    who
        The person.
    """

    def __init__(self, form: Form, store: Store, who: str) -> None:
        self._batch, self._who = _Batch(form, store), who

    @property
    def title(self) -> str:
        """The form's title."""
        return self._batch.form.title

    def crop(self, name: str) -> bytes:
        """Return the picture of a field; see `_Batch.crop`."""
        return self._batch.crop(name)

    def _meant(self, at: Key, text: str, *, insists: bool) -> tuple[Decision, str | None]:
        """Return what a person means by a text, and why it should be confirmed once more."""
        decision, broken = interpret(self._batch.entry(at), text)
        asks = decision.problem or broken
        return decision, None if insists or decision.text == "?" else asks


class Review(_Session):
    """The fields of a batch that are to be checked, and what a person decides about them.

    Before them come the pages that were set aside, unless it is a second review.

    Parameters
    ----------
    form, store, who
        As in `_Session`.
    second
        Whether to show instead the fields that another person decided, without that decision and
        without what was read. Where the two differ, a third person decides.
    """

    kind = "review"

    def __init__(self, form: Form, store: Store, who: str, *, second: bool = False) -> None:
        super().__init__(form, store, who)
        self._is_second = second
        self._by_sheet: dict[int, tuple[Result, dict[str, Answer]]] = {}
        self._placing = None if second else Placing(form, store, who)
        self._known = self._open()

    @property
    def unseen(self) -> int:
        """The number of fields that are to be checked but have no picture."""
        return sum(
            not self._batch.has_picture(one.id, at)
            for one in self._batch.results.values()
            for at in one.to_check
            if at not in one.decided
        )

    @property
    def counts(self) -> tuple[int, int]:
        """How many pages are to be placed, and how many fields to be looked at."""
        names = self.names()
        pages = 0 if self._placing is None else len(self._placing.reasons)
        return pages, len(names) - pages

    @property
    def unseen_pages(self) -> int:
        """The number of pages that were set aside and whose files are gone."""
        return 0 if self._placing is None else self._placing.unseen

    def names(self) -> list[str]:
        """Return the pages to be placed, then the fields to be looked at, sheet by sheet."""
        self._batch.refresh()
        if self._placing is not None:
            self._placing.refresh()
        self._known = self._open()
        return list(self._known)

    def _open(self) -> dict[str, Answer | str]:
        """Return what is to be looked at; of a page, why it was set aside."""
        found: dict[str, Answer | str] = {}
        if self._placing is not None:
            found.update(self._placing.reasons)
        for one in self._batch.results.values():
            before = self._by_sheet.get(one.id)
            if before is None or before[0] is not one:
                self._by_sheet[one.id] = before = one, self._open_of(one)
            found.update(before[1])
        return found

    def _open_of(self, one: Result) -> dict[str, Answer]:
        sheet = self._batch.sheets[one.id]
        if self._is_second:
            fields = {at for at in one.decided if len(sheet.deciders[at]) == 1}
        else:
            fields = set(one.to_check) - one.decided
        return {
            id_of(one.id, at): one.answers[at]
            for at in one.answers
            if at in fields and self._batch.has_picture(one.id, at)
            # What another person must decide is not shown to those who have decided about it.
            and not ((self._is_second or at in sheet.differing)
                     and self._who in sheet.deciders[at])
        }  # fmt: skip

    def view(self, name: str) -> View:
        """Return a field as it is shown now."""
        batch = self._batch
        view = batch.view(name)
        sheet, at = batch.find(name)
        if self._is_second or at in batch.sheets[sheet].differing:
            return view
        decision = batch.sheets[sheet].decisions.get(at)
        machine = batch.sheets[sheet].answers.get(at)
        answer = batch.results[sheet].answers[at]
        if decision is not None:
            read = None if machine is None else output.shown(machine)
            return replace(view, decided=decision.text, read=read, why=answer.why)
        preset = self._preset(sheet, at)
        if preset is None:
            return view
        return replace(
            view, preset=preset, candidates=answer.candidates[:_MOST_SHOWN], why=answer.why,
            read=output.shown(answer),
        )  # fmt: skip

    def _preset(self, sheet: int, at: Key) -> str | None:
        """Return the reading that may be shown first; None if it is contested or breaks a rule."""
        machine = self._batch.sheets[sheet].answers.get(at)
        answer = self._batch.results[sheet].answers[at]
        # A rule between fields or sheets gives a field another reason than it was read with.
        if machine is None or answer.is_contested or answer.why != machine.why:
            return None
        text = answer.candidates[0][0] if answer.candidates else answer.text
        decision, broken = interpret(self._batch.entry(at), text)
        if decision.problem or broken or decision.value != answer.value:
            return None
        return decision.text

    def decide(self, name: str, text: str, *, confirmed: bool, insists: bool) -> Step:
        """Store what a person typed or confirmed for a field.

        Parameters
        ----------
        name
            The field.
        text
            What is written in the field.
        confirmed
            Whether it was shown and accepted; otherwise it was typed.
        insists
            Whether the person keeps it although it breaks a rule, or has no value.
        """
        batch = self._batch
        batch.refresh()
        sheet, at = batch.find(name)
        decision, asks = self._meant(at, text, insists=insists)
        if asks:
            return Step(asks=asks)
        how = SECOND if self._is_second else CONFIRMED if confirmed else TYPED
        batch.store.decide(sheet, at, replace(decision, how=how, who=self._who))
        batch.reload_decisions(sheet, at)
        if self._is_second:
            said = f"typed {decision.text or 'empty'}"
            return replace(self._step(), about=name, said=said)
        machine = batch.sheets[sheet].answers.get(at)
        read = "" if machine is None else f", read as {output.shown(machine) or 'empty'}"
        said = f"{batch.view(name).label}: {decision.text or 'empty'}{read}"
        return replace(self._step(), about=name, said=said)

    @property
    def placing(self) -> Placing:
        """The pages that were set aside.

        Raises
        ------
        UsageError
            If it is a second review.
        """
        if self._placing is None:
            raise UsageError("a second review places no pages")
        return self._placing

    def place(
        self, name: str, page: int | None, serial: int | None, points: Sequence[Pointed], *,
        insists: bool = False,
    ) -> Step:  # fmt: skip
        """Read a page that was set aside where a person says that it lies, and store that.

        Parameters
        ----------
        name, page, serial, points
            As in `Placing.read`.
        insists
            Whether the person keeps it although what is printed was not found there.
        """
        read, placement, new = self.placing.read(name, page, serial, points)
        rough = sum(NOT_FOUND in (answer.why or "") for answer in new.answers.values())
        if rough and not insists:
            return Step(asks="what is printed was not found there")
        self._batch.store.add_page(read.file, new, placement)
        self._reload()
        step = self._step()
        said = f"{read.page.file}, page {read.page.number}: {self._said(read, new, step)}"
        return replace(step, about=name, said=said)

    def _said(self, read: Unplaced, new: NewPage, step: Step) -> str:
        """Say what became of a page."""
        for page in self._batch.store.set_aside():
            if (page.file, page.number) == (read.page.file, read.page.number):
                return page.problem or ""
        return (
            f"placed as page {new.page}, {counted_noun(len(new.answers), 'field')}, "
            f"{len(step.added):,} more to be looked at"
        )

    def _reload(self) -> None:
        """Load all sheets and pages."""
        self._batch.reload()
        self.placing.refresh()

    def undo(self) -> Step:
        """Take back this person's last decision, also if that placed a page."""
        self._batch.refresh()
        found = self._batch.store.undo(self._who)
        if found is None:
            return Step()
        if isinstance(found, int):
            self._reload()
            return replace(self._step(), about=f"page/{found}", said="taken back")
        self._batch.reload_decisions(*found)
        return replace(self._step(), about=id_of(*found), said="taken back")

    def _step(self) -> Step:
        before, self._known = self._known, self._open()
        return Step(
            added=tuple(name for name in self._known if name not in before),
            removed=tuple(name for name in before if name not in self._known),
            changed=tuple(
                name for name, answer in self._known.items()
                if name in before and before[name] != answer
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What an audit has found.

    Attributes
    ----------
    drawn, typed
        How many fields were drawn, and for how many of them a person typed what is written.
    unreadable
        How many of the typed fields the person could not read.
    wrong
        Fields that were read wrongly, with what was read and what was typed.
    """

    drawn: int
    typed: int
    unreadable: int
    wrong: tuple[tuple[str, str, str], ...] = field(default=())

    @property
    def counted(self) -> int:
        """How many fields were compared."""
        return self.typed - self.unreadable


class Audit(_Session):
    """Fields drawn at random from all that are ``ok``, typed by a person who is shown no reading.

    What was drawn is kept, so an audit goes on where it was. If another value is typed than was
    read, the field is to be checked from then on: a review decides which of the two is right.
    """

    kind = "audit"

    def draw(self, fields: int) -> None:
        """Draw more fields, until `fields` are drawn or no more are ``ok``.

        Raises
        ------
        UsageError
            If there is no field to draw.
        """
        batch = self._batch
        drawn = {(one.sheet, one.key) for one in batch.store.audited()}
        free = [
            (one.id, at, one.answers[at].value)
            for one in batch.results.values()
            for at, answer in one.answers.items()
            if answer.status == OK and at not in one.decided and (one.id, at) not in drawn
            and batch.entry(at).type != "text" and batch.has_picture(one.id, at)
        ]  # fmt: skip
        if not free and not drawn:
            raise UsageError(
                "no field is ok and has a picture", where=batch.store.folder,
                remedy="read scans into it: mnistry form read",
            )  # fmt: skip
        more = min(len(free), max(0, fields - len(drawn)))
        batch.store.draw(secrets.SystemRandom().sample(free, more))

    def names(self) -> list[str]:
        """Return the fields that were drawn and are not typed yet."""
        return [
            id_of(one.sheet, one.key)
            for one in self._batch.store.audited()
            if one.typed is None and self._is_there(one)
        ]

    def _is_there(self, one: Drawn) -> bool:
        batch = self._batch
        return one.sheet in batch.results and batch.has_picture(one.sheet, one.key)

    def view(self, name: str) -> View:
        """Return a field, without what was read."""
        typed = self._drawn(name).typed
        return replace(self._batch.view(name), decided=None if typed is None else typed.text)

    def _drawn(self, name: str) -> Drawn:
        found = self._batch.find(name)
        for one in self._batch.store.audited():
            if (one.sheet, one.key) == found:
                return one
        raise UsageError("not drawn for this audit")

    def decide(self, name: str, text: str, *, confirmed: bool, insists: bool) -> Step:  # noqa: ARG002
        """Store what a person typed; parameters as in `Review.decide`."""
        self._batch.refresh()
        one = self._drawn(name)
        typed, asks = self._meant(one.key, text, insists=insists)
        if asks:
            return Step(asks=asks)
        self._batch.store.audit(one.id, replace(typed, who=self._who))
        return Step(about=name, removed=(name,), said=f"typed {typed.text or 'empty'}")

    def undo(self) -> Step:
        """Take back what was typed last."""
        typed = [one for one in self._batch.store.audited() if one.typed is not None]
        last = max(typed, key=lambda one: one.at, default=None)
        if last is None:
            return Step()
        self._batch.store.audit(last.id, None)
        name = id_of(last.sheet, last.key)
        return Step(about=name, added=(name,), said="taken back")

    def report(self) -> Report:
        """Return what the audit has found until now."""
        drawn = self._batch.store.audited()
        typed = [one for one in drawn if one.typed is not None]
        unreadable = sum(one.typed is not None and one.typed.problem is not None for one in typed)
        wrong = []
        for one in typed:
            sheet = self._batch.sheets.get(one.sheet)
            decision = None if sheet is None else sheet.decisions.get(one.key)
            said = decision or one.typed  # a review counts more than the audit
            if one.differs and said is not None and said.value != one.read:
                name = f"{self._batch.where(one.sheet)}, {output.named(*one.key)}"
                wrong.append((name, value_text(one.read), said.text or "empty"))
        return Report(len(drawn), len(typed), unreadable, tuple(wrong))
