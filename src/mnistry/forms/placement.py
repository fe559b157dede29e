"""Where a person says that a page lies in a scan, because it was not found otherwise.

Knows nothing of how a person is asked, and of how the answer is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnistry.forms import alignment
from mnistry.forms.alignment import Alignment
from mnistry.forms.definition import Box
from mnistry.forms.layout import Layout, PageLayout

# Points are suggested only if they reach over this share of the page, across and down: beyond them
# a small error in pointing becomes a large one.
_WIDE = 0.4


@dataclass(frozen=True)
class Placement:
    """What a person says of a page that was set aside.

    Attributes
    ----------
    page
        Which page of the form it is, from 1; None if it is none.
    serial
        The sheet's printed number; None if it has none.
    points
        Four points: x and y on the page in millimetres, then across and down the scan, each as a
        share of its width or height, 0 to 1. Empty if it is no page of the form.
    paper
        `mnistry.forms.definition.Form.paper` of the form that it is a page of.
    who
        The person.
    """

    page: int | None
    serial: int | None = None
    points: tuple[tuple[float, float, float, float], ...] = ()
    paper: str = ""
    who: str = ""

    def rough(self, shape: Sequence[int], layout: Layout) -> Alignment | None:
        """Return where the page lies in a scan of ``(rows, columns)``; None if that cannot be."""
        points = np.array(self.points, np.float64)
        in_scan = points[:, 2:] * (shape[1], shape[0])
        return alignment.by_points(points[:, :2], in_scan, (layout.width, layout.height))

    @property
    def by_hand(self) -> str:
        """Say that the page was placed by hand, and by whom.

        Examples
        --------
        >>> Placement(1, who="eva").by_hand, Placement(1).by_hand
        ('placed by hand by eva', 'placed by hand')
        """
        return f"placed by hand by {self.who}" if self.who else "placed by hand"

    @property
    def foreign(self) -> str:
        """Why a page stays set aside of which a person says that it is none of this form."""
        return f"{self.who or 'a person'} says that it is no page of this form"


def corners(layout: Layout, page: PageLayout) -> list[tuple[float, float]]:
    """Return points that a person can find on a page: of its edge, its markers and its boxes."""
    paper = Box(0.0, 0.0, layout.width, layout.height)
    boxes = [box for place in page.places for box in place.boxes]
    return _corners([paper, *(marker.box for marker in page.markers), *boxes])


def suggested(layout: Layout, page: PageLayout) -> list[tuple[float, float]]:
    """Return four of the `corners`, far apart: of markers if there are any, else of boxes.

    In the order top left, top right, bottom right, bottom left. If there are too few boxes, or all
    lie in one part of the page, these are the four corners of the paper.
    """
    wide, high = layout.width, layout.height
    paper = [(0.0, 0.0), (wide, 0.0), (wide, high), (0.0, high)]
    boxes = [marker.box for marker in page.markers]
    boxes = boxes or [box for place in page.places for box in place.boxes]
    if not boxes:
        return paper
    printed = np.array(_corners(boxes))
    points = np.array([printed[np.abs(printed - end).sum(axis=1).argmin()] for end in paper])
    is_wide = (np.ptp(points, axis=0) > _WIDE * np.array([wide, high])).all()
    if not (is_wide and alignment.spread(points)):
        return paper
    return [(float(x), float(y)) for x, y in points]


def _corners(boxes: Sequence[Box]) -> list[tuple[float, float]]:
    return list(
        dict.fromkeys(
            (round(x, 2), round(y, 2))
            for box in boxes
            for x in (box.x, box.right)
            for y in (box.y, box.bottom)
        )
    )
