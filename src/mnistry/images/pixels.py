"""Bring the pixels of a decoded picture, in any of Pillow's modes, to 8-bit grey values.

Knows nothing of files and formats.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistry.errors import DataError
from mnistry.images.levels import LUMA

if TYPE_CHECKING:
    from PIL import Image


# Pixels that are converted at once, so that little memory is needed besides picture and result.
_AT_ONCE = 1 << 20
# The largest values of pixels with 8, 12 and 16 bits. Scanners and microscopes store 8 and 12 bits
# in 16; the largest value in the picture shows it.
_WHITES = (255, 4095, 65535)

# Windows of at least this side are not left to OpenCV.
_WIDE = 32
# The long side at which colours are judged, and the width of a stroke's surroundings there.
_SMALL, _NEAR = 400, 15
# Ink may differ from paper in colour alone. Luma is used unless it holds less than this part of
# the square of the contrast; red ink on white has 0.55 of it, green 0.19, yellow and red on blue
# 0.03.
_LUMA_SHARE = 0.12
# Grey levels of contrast, as a standard deviation, below which a picture has none.
_FLAT = 1.0
# Strokes on transparency cover less of a picture than this; what covers more is a sheet.
_SHEET = 0.5
# Grey levels between the lightest and the darkest hundredth of a sheet with writing on it.
_WRITTEN = 64
# A pixel with at least this alpha is visible; if none has it, those with the highest alpha are.
_OPAQUE = 128


def to_grey(image: "Image.Image", where: str, *, luma: bool = False) -> NDArray[np.uint8]:
    """Convert a picture to grey values.

    Colours become their luma (ITU-R 601), or, where ink and paper hardly differ in that, their
    position between the paper's colour and the ink's. Transparent pixels get a shade that the
    visible ones stand out from: white, or black around white ink. Pixels of 16 or 32 bits are
    scaled from 65535, from 4095 if none is larger, or not at all if none is larger than 255.

    Parameters
    ----------
    image
        A loaded picture.
    where
        Its name, for messages.
    luma
        Whether colours always become luma.

    Returns
    -------
    ndarray
        ``uint8``, shape ``(height, width)``, 0 for black to 255 for white.

    Raises
    ------
    DataError
        If its values are below 0, not finite, or floating-point numbers up to 1.

    Examples
    --------
    >>> from PIL import Image
    >>> to_grey(Image.fromarray(np.uint16([[0, 257, 65535]])), "three greys")
    array([[  0,   1, 255]], dtype=uint8)
    >>> to_grey(Image.fromarray(np.uint16([[0, 1, 255]])), "three greys")
    array([[  0,   1, 255]], dtype=uint8)
    """
    if image.mode == "F" or image.mode.startswith("I"):
        return _from_deep(image, where)
    if image.mode == "LAB":  # its first channel is the lightness
        image = image.getchannel(0)
    if image.has_transparency_data:
        return _from_transparent(image)
    axis = None if luma or image.mode in ("1", "L") else _contrast_axis(_sample(image, "RGB"))
    grey = np.empty((image.height, image.width), np.uint8)
    for rows, strip in _strips(image):
        if axis is not None:
            grey[rows] = _along(axis, np.asarray(strip.convert("RGB")))
        elif image.mode == "YCbCr":
            grey[rows] = np.asarray(strip.getchannel(0))
        else:
            grey[rows] = np.asarray(strip if image.mode == "L" else strip.convert("L"))
    return grey


def scaled(values: NDArray[np.generic], white: int) -> NDArray[np.uint8]:
    """Scale whole numbers from 0 to `white` to 0 to 255, and round them."""
    return np.asarray((values.astype(np.int64) * 255 + white // 2) // white, np.uint8)


def white_of(least: float, most: float, where: str) -> int:
    """Return the value of white in pixels of more than 8 bits, by the range of their values.

    Raises
    ------
    DataError
        If there are values below 0 or above 65535.
    """
    if least < 0 or most > _WHITES[-1]:
        raise DataError(
            f"pixels of {least:g} to {most:g}",
            where=where,
            expected="0 to 255, or 0 to 65535",
            remedy="save it as PNG with 8 bits a pixel",
        )
    return next(white for white in _WHITES if most <= white)


def _strips(image: "Image.Image") -> Iterator[tuple[slice, "Image.Image"]]:
    """Yield a picture in strips, each with its rows."""
    height = max(1, _AT_ONCE // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        whole = (top, bottom) == (0, image.height)
        yield slice(top, bottom), image if whole else image.crop((0, top, image.width, bottom))


def _from_deep(image: "Image.Image", where: str) -> NDArray[np.uint8]:
    """Convert pixels of 16 or 32 bits."""
    ranges = np.array(
        [(part.min(), part.max()) for _, strip in _strips(image) for part in [np.asarray(strip)]],
        np.float64,
    )
    least, most = float(ranges[:, 0].min()), float(ranges[:, 1].max())
    if image.mode == "F" and not (least >= 0 and 1 < most <= _WHITES[-1]):  # NaN too
        raise DataError(
            f"floating-point pixels of {least:g} to {most:g}",
            where=where,
            expected="0 to 255",
            remedy="save it as PNG with 8 bits a pixel",
        )
    white = white_of(least, most, where)
    grey = np.empty((image.height, image.width), np.uint8)
    for rows, strip in _strips(image):
        grey[rows] = scaled(np.rint(np.asarray(strip)), white)
    clear = image.info.get("transparency")
    if isinstance(clear, int):  # one value is transparent
        is_clear = np.vstack([np.asarray(strip) == clear for _, strip in _strips(image)])
        grey[is_clear] = _background(grey[~is_clear], is_clear.mean())
    return grey


def _from_transparent(image: "Image.Image") -> NDArray[np.uint8]:
    """Convert a picture with transparent pixels, on a background that its ink stands out from."""
    small = _sample(image, "RGBA")
    grey = small[..., :3] @ LUMA
    visible = small[..., 3] >= min(_OPAQUE, max(1, small[..., 3].max()))
    background = _background(grey[visible], 1 - visible.mean())
    from PIL import Image

    result = np.empty((image.height, image.width), np.uint8)
    for rows, strip in _strips(image):
        paper = Image.new("RGBA", strip.size, (background, background, background, 255))
        on_paper = Image.alpha_composite(paper, strip.convert("RGBA"))
        result[rows] = np.asarray(on_paper.convert("L"))
    return result


def _background(visible: NDArray[Any], clear: float) -> int:
    """Choose a grey value for what is transparent.

    A sheet's surroundings get the sheet's own shade. Strokes get white or black, whichever
    differs more from the strokes' nearest shade.

    Parameters
    ----------
    visible
        The grey values of the other pixels.
    clear
        The part of the picture that is transparent.
    """
    if not visible.size:
        return 255
    shades: list[float] = np.percentile(visible, (1, 5, 50, 95, 99)).tolist()
    darkest, dark, middle, light, lightest = shades
    if clear < 1 - _SHEET and lightest - darkest > _WRITTEN:
        return round(middle)
    return 255 if dark <= 255 - light else 0


def _sample(image: "Image.Image", mode: str) -> NDArray[np.uint8]:
    """Sample a picture's pixels, at most `_SMALL` along the longer side, in another mode."""
    factor = min(1.0, _SMALL / max(image.size))
    width, height = (max(1, round(side * factor)) for side in image.size)
    small = image if factor == 1 else image.resize((width, height), 0)  # the nearest pixels
    return np.asarray(small.convert(mode))


def _contrast_axis(colours: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float] | None:
    """Find the direction in which ink differs from paper, if that is far from luma's.

    It is the first principal component of what remains of the colours when those of the
    surroundings are subtracted.

    Parameters
    ----------
    colours
        ``uint8``, shape ``(height, width, 3)``.

    Returns
    -------
    tuple or None
        The weights of red, green and blue, and an offset, so that the result is 0 for the ink to
        255 for the paper; None if luma is enough.
    """
    values = colours.astype(np.float32)
    residuals = (values - cv2.blur(values, (_NEAR, _NEAR))).reshape(-1, 3).astype(np.float64)
    covariance = residuals.T @ residuals / len(residuals)
    powers, directions = np.linalg.eigh(covariance)
    by_luma = float(LUMA @ covariance @ LUMA / (LUMA @ LUMA))
    if powers[-1] < _FLAT**2 or by_luma > _LUMA_SHARE * powers[-1]:
        return None
    weights = directions[:, -1]
    positions = values.reshape(-1, 3) @ weights
    low, middle, high = np.percentile(positions, (0.1, 50, 99.9)).tolist()
    if middle < (low + high) / 2:  # most of the picture is paper
        weights, low, high = -weights, -high, -low
    scale = 255 / max(high - low, 1.0)
    return weights * scale, -low * scale


def _along(
    axis: tuple[NDArray[np.float64], float], colours: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    weights, offset = axis
    positions = colours.astype(np.float32) @ weights.astype(np.float32) + offset
    return np.asarray(np.clip(np.rint(positions), 0, 255), np.uint8)


def reduced(image: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Scale an image down by averaging areas.

    It is halved until it is less than four times as large as the result: OpenCV halves fifty times
    as quickly as it does anything else. An odd last row or column is dropped then.

    Parameters
    ----------
    image
        ``uint8`` or ``float32``, shape ``(height, width)``.
    size
        The width and the height of the result, no larger than the image's.

    Examples
    --------
    >>> reduced(np.arange(64, dtype=np.float32).reshape(8, 8), (2, 2))
    array([[13.5, 17.5],
           [45.5, 49.5]], dtype=float32)
    """
    width, height = size
    while 4 * height <= image.shape[0] and 4 * width <= image.shape[1]:
        rows, columns = (side // 2 for side in image.shape)
        even = image[: 2 * rows, : 2 * columns]
        image = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def jpeg(picture: NDArray[np.uint8], quality: int, *, side: int | None = None) -> bytes:
    """Encode a picture as JPEG.

    Parameters
    ----------
    picture
        ``uint8``, grey, or blue, green and red.
    quality
        0 to 100.
    side
        It is reduced first if its longer side has more pixels than this.

    Examples
    --------
    >>> jpeg(np.zeros((8, 8), np.uint8), 80)[:2].hex()
    'ffd8'
    """
    picture = np.ascontiguousarray(picture)
    factor = 1.0 if side is None else side / max(picture.shape[:2])
    if factor < 1:
        picture = np.asarray(
            cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8
        )
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def sampled(image: NDArray[Any]) -> NDArray[Any]:
    """Sample 256 to 511 rows and columns, or take all of a smaller image: enough for a median.

    Examples
    --------
    >>> sampled(np.zeros((100, 1030))).shape
    (100, 258)
    """
    rows, columns = (max(1, side // 256) for side in image.shape)
    return image[::rows, ::columns]


def closed_by_square(values: NDArray[Any], side: int) -> NDArray[Any]:
    """Fill what is dark and narrower than a square, as OpenCV's morphological closing does.

    OpenCV's time grows with the side of the square; here that for a wide square grows only with the
    logarithm of its side.
    """
    if side < _WIDE or values.dtype != np.uint8:
        return cv2.morphologyEx(values, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    return _over_squares(cv2.min, _over_squares(cv2.max, values, side, 0), side, 255)


def _over_squares(
    choose: Callable[..., Any], values: NDArray[Any], side: int, outside: int
) -> NDArray[Any]:
    """Choose the least or the greatest value of the square around each pixel."""
    before, after = side // 2, (side - 1) // 2
    found = cv2.copyMakeBorder(
        values, before, after, before, after, cv2.BORDER_CONSTANT, value=outside
    )
    done = 1
    while done < side:  # two squares make a larger one; they may overlap
        step = min(done, side - done)
        found = choose(found[step:], found[:-step])
        found = choose(found[:, step:], found[:, :-step])
        done += step
    return np.asarray(found)


def percentile(values: NDArray[Any], percent: float) -> float:
    """Return a percentile of floats, interpolated between the two nearest values.

    It is NumPy's to the last bit, in a tenth of the time for a few hundred values.

    Parameters
    ----------
    values
        Of any shape, at least one.
    percent
        0 to 100.

    Examples
    --------
    >>> percentile(np.float32([4, 1, 2]), 75)
    3.0
    """
    flat = values.ravel()
    place = (flat.size - 1) * (percent / 100)
    lower = int(place)
    upper = min(lower + 1, flat.size - 1)
    sorted_there = np.partition(flat, (lower, upper))
    low, high = sorted_there[lower], sorted_there[upper]
    part = place - lower
    # As NumPy does: from the nearer of the two.
    return float(low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part))


def median(values: NDArray[Any]) -> float:
    """Return the median of floats; as quickly as `percentile`, and NumPy's to the last bit too."""
    flat = values.ravel()
    upper = flat.size // 2
    lower = (flat.size - 1) // 2
    sorted_there = np.partition(flat, (lower, upper))
    return float((sorted_there[lower] + sorted_there[upper]) / 2)
