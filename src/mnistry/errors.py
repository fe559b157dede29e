"""The error tree: what went wrong, where, what was expected, and the remedy.

Every error that a user can cause is one of these. The command line prints it as one line and ends
with its exit code. Two functions write names and counts in messages. This module knows nothing of
where errors are raised or how they are shown.
"""


def printable(text: str) -> str:
    r"""Replace unprintable characters: a file's name may contain line ends or terminal codes.

    Examples
    --------
    >>> printable("a\x1b[31mb")
    'a\ufffd[31mb'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def counted_noun(count: int, noun: str) -> str:
    """Put a number before a noun: ``1 epoch``, ``2 epochs``."""
    return f"{count:,} {noun}" + ("s" if count != 1 else "")


class MnistryError(Exception):
    """Base of every error that mnistry raises on purpose.

    Parameters
    ----------
    what
        What happened, as a short clause: ``"256 is not a pixel value"``.
    where
        The file, row, byte offset or option.
    expected
        What was expected instead.
    remedy
        What the user can do.

    Examples
    --------
    >>> print(DataError("256 is not a pixel value", where="digits.csv, row 7",
    ...                 expected="0 to 255", remedy="correct the row"))
    digits.csv, row 7: 256 is not a pixel value; expected 0 to 255; correct the row
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        where: object | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.expected = expected
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        parts = [self.what if self.where is None else f"{self.where}: {self.what}"]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.remedy is not None:
            parts.append(self.remedy)
        return printable("; ".join(parts))


class UsageError(MnistryError):
    """An option or argument that cannot be used, or a missing extra."""

    exit_code = 2


class MissingImportError(UsageError, ImportError):
    """``from mnistry import NAME`` where a package that NAME needs is not installed."""


class MissingAttributeError(UsageError, AttributeError):
    """``mnistry.NAME`` where a package that NAME needs is not installed.

    It is an AttributeError, so ``hasattr`` and `inspect.getmembers` work.
    """


class DataError(MnistryError):
    """A dataset or an image that cannot be used."""

    exit_code = 3


class DownloadError(MnistryError):
    """A download that failed on every origin."""

    exit_code = 4


class CacheError(DownloadError):
    """A cache folder that cannot be written."""


class ModelError(MnistryError):
    """A model file or run directory that cannot be used."""

    exit_code = 5


class DivergedError(MnistryError):
    """A training whose loss became infinite or not a number."""

    exit_code = 6


class ResourceError(MnistryError):
    """A full disk, a folder that cannot be written, a run that is locked."""

    exit_code = 7


class IncompleteError(MnistryError):
    """A batch that finished with failed items."""

    exit_code = 8


class Notice(UserWarning):
    """Something that the user should know although nothing failed: a fallback or a suspicion."""
