"""Tell whether the paper is light by the border alone, for images too small for anything else.

`mnistry.reading.ink` judges pictures of any size, and by their strokes.
"""

import numpy as np
from numpy.typing import NDArray


def has_light_border(images: NDArray[np.uint8]) -> bool:
    """Return whether most of the border's pixels are light: more than 127.

    Parameters
    ----------
    images
        ``uint8``, shape ``(…, height, width)``: one image, or many that are judged together.

    Examples
    --------
    >>> page = np.full((28, 28), 255, np.uint8)
    >>> has_light_border(page), has_light_border(255 - page)
    (True, False)
    """
    border = (images[..., [0, -1], :], images[..., 1:-1, [0, -1]])
    light = sum(int(np.count_nonzero(part > 127)) for part in border)
    return 2 * light > sum(part.size for part in border)
