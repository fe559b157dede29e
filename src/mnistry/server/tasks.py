"""What the server gives a worker, and what it gets back: a task, and its answer.

Knows nothing of HTTP, nor of how a picture is read: the process that answers clients does not load
the networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SMALL = 200_000  # bytes of a picture that is read in milliseconds

JSON, PNG = "application/json", "image/png"
# The fields that may be asked for: keys of the answer, and DETAILS, which adds keys to digits. A
# PREVIEW must be asked for by its name.
READ_FIELDS = (
    "lines", "text", "digits", "numbers", "width", "height", "picture", "turned", "corners",
    "notes", "details", "preview",
)  # fmt: skip
TABLE_FIELDS = ("tables", "width", "height")
FORM_FIELDS = ("form", "form_page", "serial", "turned", "fields", "problems")
DETAILS, PREVIEW = "details", "preview"
# What is read, and the keys that its answer may have. The form "water" is "forms/water".
FIELDS: Mapping[str, tuple[str, ...]] = {"read": READ_FIELDS, "tables": TABLE_FIELDS, "doctor": ()}
FORM = "forms/"


def fields_of(kind: str) -> tuple[str, ...]:
    """Return the keys that the answer to a task of this kind may have."""
    return FORM_FIELDS if kind.startswith(FORM) else FIELDS[kind]


@dataclass(frozen=True)
class Task:
    """A page to be read.

    Attributes
    ----------
    kind
        ``"read"``, ``"tables"``, ``"doctor"``, or ``"forms/"`` and the name of a form.
    content
        A whole picture file or PDF.
    page
        The page's number, from 1.
    fields
        The keys that the answer should have.
    """

    kind: str
    content: bytes
    page: int = 1
    fields: tuple[str, ...] = ()

    @property
    def is_quick(self) -> bool:
        """Whether it takes milliseconds."""
        return self.kind == "read" and len(self.content) <= SMALL


@dataclass(frozen=True)
class Answer:
    """The answer to a task: its bytes, their media type, and the number of the file's pages."""

    body: bytes
    media_type: str = JSON
    pages: int = 1
