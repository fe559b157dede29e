"""The types of the API's requests and answers, from which its OpenAPI description is made.

Knows nothing of routes or of how an answer is computed.
"""

from pydantic import BaseModel, ConfigDict

from mnistry.reading import Candidate, Number, Table


class RequestBody(BaseModel):
    """Base of request bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True)


class Error(Answer):
    """What happened, where, what was expected, and the remedy."""

    what: str
    where: str | None = None
    expected: str | None = None
    remedy: str | None = None


class ErrorBody(Answer):
    """Error body."""

    error: Error


class Digit(Answer):
    """A digit that was found in a picture.

    `digit` is null if the best candidate is too uncertain; `box` is x, y, width and height in
    pixels of the upright page, and `quad` its corners in pixels of the picture, null if the page is
    the picture; `image` is the network's input, 28 rows of 28 values; `bits[k]`
    is the loss in bits if the true digit is k.
    """

    digit: int | None
    confidence: float
    box: tuple[int, int, int, int]
    line: int
    candidates: list[Candidate]
    image: list[list[int]]
    probabilities: list[float]
    bits: list[float]
    quad: tuple[tuple[float, float], ...] | None = None


class Tables(Answer):
    """The tables of a picture, each with its rows of cells, and its size in pixels."""

    tables: list[Table]
    width: int
    height: int


class Reading(Answer):
    """The digits and numbers of a picture.

    `width` and `height` are those of the upright page, `picture` has those of the picture in which
    it was found. `turned`, `corners` and `notes` are as `mnistry read --jsonl` prints them.
    """

    lines: list[str]
    text: str
    digits: list[Digit]
    numbers: list[Number]
    width: int
    height: int
    picture: tuple[int, int]
    turned: int
    corners: tuple[tuple[float, float], ...] | None
    notes: list[str]
