"""Tables of numbers: a picture becomes rows and columns.

`grids` finds the ruled lines (by `rectify`, `ruled_lines` and `ruling`), `cells` straightens them
and gives each mark to its cell, `reader` reads all cells at once, `in_page` puts them among the
lines of a page, `sums` checks totals.
Nothing here imports Keras.
"""

from mnistry.tables.in_page import with_tables
from mnistry.tables.reader import read_page
from mnistry.tables.sums import problems

__all__ = ["problems", "read_page", "with_tables"]
