"""Let a person place the pages that were set aside: show them, and read them where the person says.

Knows nothing of HTTP, and of how the answer is kept; see `mnistry.forms.review.Review`.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mnistry.errors import DataError, UsageError
from mnistry.forms import batch, layout, placement
from mnistry.forms.code import MAX_SERIAL
from mnistry.forms.definition import Form
from mnistry.forms.placement import Placement
from mnistry.forms.reading import FormReader
from mnistry.forms.records import NewPage, Unplaced
from mnistry.forms.store import Store
from mnistry.images.pixels import jpeg
from mnistry.reading.reader import Reader
from mnistry.system import files

POINTS = 4
_SIDE = 1800  # pixels: the longer side of the pictures that are shown
_QUALITY = 85  # of these JPEGs, of 100

Point = tuple[float, float]  # x and y on the page, in millimetres
Pointed = tuple[float, float, float, float]  # a point, and where it is in the scan: see `Placement`


@dataclass(frozen=True)
class FormPage:
    """A page of the form, as a person is shown it.

    Attributes
    ----------
    number
        From 1.
    width, height
        In millimetres.
    points
        Four of its points, to be looked for first: x and y in millimetres.
    corners
        All points that are easily found.
    """

    number: int
    width: float
    height: float
    points: tuple[Point, ...]
    corners: tuple[Point, ...]


@dataclass(frozen=True)
class PageView:
    """A page that was set aside, as a person is shown it.

    Attributes
    ----------
    id
        Its name in the batch.
    where
        Its file, and which page of it.
    why
        Why it was set aside.
    pages
        Those of the form.
    has_serial
        Whether the form's sheets may have printed numbers.
    """

    id: str
    where: str
    why: str
    pages: tuple[FormPage, ...]
    has_serial: bool


class Placing:
    """The pages of a batch that were set aside, and about which nobody has said anything yet.

    Parameters
    ----------
    form, store
        The batch.
    who
        The person.
    """

    def __init__(self, form: Form, store: Store, who: str) -> None:
        self._form, self._store, self._who = form, store, who
        self._layout = layout.place(form)
        self._unplaced: dict[str, Unplaced] = {}
        self.unseen = 0
        self.refresh()

    def refresh(self) -> None:
        """Load them again; without those whose files are gone, which `unseen` counts."""
        found = {f"page/{one.id}": one for one in self._store.unplaced()}
        self._unplaced = {name: one for name, one in found.items() if one.path.is_file()}
        self.unseen = len(found) - len(self._unplaced)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each was set aside, by its name in the batch."""
        return {name: one.page.problem or "" for name, one in self._unplaced.items()}

    def find(self, name: str) -> Unplaced:
        """Return a page by its name.

        Raises
        ------
        UsageError
            If there is no such page, or if it has been placed.
        """
        if name not in self._unplaced:
            raise UsageError("no such page in the batch, or it was placed meanwhile")
        return self._unplaced[name]

    def view(self, name: str) -> PageView:
        """Return a page as it is shown."""
        page = self.find(name).page
        pages = tuple(
            FormPage(
                one.number, self._layout.width, self._layout.height,
                tuple(placement.suggested(self._layout, one)),
                tuple(placement.corners(self._layout, one)),
            )
            for one in self._layout.pages
        )  # fmt: skip
        where = f"{page.file}, page {page.number}"
        return PageView(name, where, page.problem or "", pages, self._form.template is None)

    def scan(self, name: str, quarters: int = 0) -> bytes:
        """Return a page's scan, reduced, as JPEG.

        Parameters
        ----------
        name
            The page.
        quarters
            Quarter turns clockwise by which it is to be turned.

        Raises
        ------
        DataError
            If it cannot be decoded.
        """
        one = self.find(name)
        grey = batch.scan(one.path, one.page.number)
        return jpeg(np.rot90(grey, -quarters), _QUALITY, side=_SIDE)

    def blank(self, number: int) -> bytes:
        """Return a page of the form without handwriting, as JPEG."""
        if not 1 <= number <= len(self._layout.pages):
            raise UsageError(f"the form has no page {number}")
        return jpeg(self._reader.blanks[number - 1].grey, _QUALITY, side=_SIDE)

    def read(
        self, name: str, page: int | None, serial: int | None, points: Sequence[Pointed]
    ) -> tuple[Unplaced, Placement, NewPage]:
        """Read a page where a person says that it lies.

        Parameters
        ----------
        name
            The page.
        page
            Which page of the form it is, from 1; None if it is none.
        serial
            The printed number of its sheet; None if there is none.
        points
            As in `Placement`.

        Raises
        ------
        UsageError
            If what the person says cannot be.
        DataError
            If the file has changed, or cannot be decoded.
        """
        one = self.find(name)
        if page is None:
            said = Placement(None, who=self._who)
            return one, said, NewPage(
                one.page.number, None, None, 0, {}, said.foreign, (), None, None
            )  # fmt: skip
        if not 1 <= page <= len(self._layout.pages):
            raise UsageError(f"the form has no page {page}")
        if len(points) != POINTS:
            raise UsageError(f"{len(points)} points", expected=f"{POINTS} points")
        if serial is not None and not 1 <= serial <= MAX_SERIAL:
            raise UsageError(f"the serial number {serial}", expected=f"1 to {MAX_SERIAL}")
        if files.sha256(one.path) != one.sha256:
            raise DataError(
                "it has changed since it was read", where=one.path,
                remedy="read it again: mnistry form read",
            )  # fmt: skip
        said = Placement(page, serial, tuple(points), self._form.paper, self._who)
        new = batch.read_page(self._reader, one.path, one.page.number, said)
        if new.problem is not None:
            raise UsageError(new.problem)
        return one, said, new

    @functools.cached_property
    def _reader(self) -> FormReader:
        return FormReader(self._form, Reader(self._store.meta("model") or None, threads=1))
