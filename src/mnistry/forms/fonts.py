"""Find fonts that have all characters of some texts."""

import importlib.util
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mnistry.errors import DataError

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

MAX_BYTES = 60_000_000
# Files that systems have; Pillow knows where. Fonts of many scripts come first.
_NAMES = (
    *("NotoSans-Regular.ttf", "DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf"),
    *("segoeui.ttf", "tahoma.ttf", "Arial Unicode.ttf", "Roboto-Regular.ttf"),
    *("NotoSansCJK-Regular.ttc", "msyh.ttc", "YuGothR.ttc", "malgun.ttf", "wqy-zenhei.ttc"),
    *("Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "DroidSansFallbackFull.ttf"),
    *(f"NotoSans{script}-Regular.ttf" for script in (
        "Arabic", "Hebrew", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil",
        "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai", "Lao", "Myanmar", "Khmer", "Ethiopic",
        "Georgian", "Armenian", "SC", "TC", "JP", "KR",
    )),
    *("Nirmala.ttc", "Nirmala.ttf", "LeelawUI.ttf", "ebrima.ttf", "mmrtext.ttf"),
)  # fmt: skip
_RESTRICTED = 0x0002  # of a font's fsType: it must not be embedded


def choose(texts: Iterable[str], given: Path | None = None) -> list[Path | bytes]:
    """Return a font that has all characters of the texts, or several that have them together.

    Parameters
    ----------
    texts
        All that is to be printed.
    given
        A font to use; others are looked for if it is None.

    Returns
    -------
    list
        Files, or the content of one that is in a library. The first is that of the text, and each
        of the others has characters that those before it lack.

    Raises
    ------
    DataError
        If no font is found for some characters, or `given` is not a font.
    """
    wanted = {ord(character) for text in texts for character in text if not character.isspace()}
    chosen: list[Path | bytes] = []
    missing = set(wanted)
    for font in [given] if given is not None else _found():
        has = wanted & _characters(font, is_given=given is not None)
        if has == wanted:
            return [font]
        if has & missing:
            chosen.append(font)
            missing -= has
    if missing and wanted:
        shown = " ".join(chr(code) for code in sorted(missing)[:10])
        raise DataError(
            f"no font has these characters: {shown}" if given is None else f"it lacks: {shown}",
            where=given,
            remedy='put a font with them beside FORM.toml, and name it there: font = "NAME.ttf"',
        )
    return chosen


def _found() -> Iterator[Path | bytes]:
    from PIL import ImageFont

    for name in _NAMES:
        try:
            path = ImageFont.truetype(name).path
        except OSError:
            continue
        yield Path(str(path))
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        path = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            yield path
    default = ImageFont.load_default(12)  # it has ASCII's characters
    if isinstance(default, ImageFont.FreeTypeFont) and isinstance(default.path, io.BytesIO):
        yield default.path.getvalue()


def _characters(font: Path | bytes, is_given: bool) -> set[int]:
    """Return the code points that a font has; none if it must not be embedded."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        if isinstance(font, Path) and font.stat().st_size > MAX_BYTES:
            raise TTLibError("too large a file")
        content = font if isinstance(font, bytes) else font.read_bytes()
        with TTFont(io.BytesIO(content), fontNumber=0, lazy=True) as opened:
            return set() if _is_restricted(opened) else set(opened.getBestCmap() or ())
    except Exception as error:  # a damaged font makes fontTools raise anything
        if not is_given:
            return set()
        raise DataError(
            f"not a font: {error}", where=font, expected="a TTF, OTF or TTC file"
        ) from None


def _is_restricted(font: "TTFont") -> bool:
    return "OS/2" in font and bool(font["OS/2"].fsType & _RESTRICTED)
