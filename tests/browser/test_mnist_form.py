"""MNIST's form as JavaScript makes it is the one that Python makes."""

import base64
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnistry.images.mnist_form import normalise
from tests.browser import strokes

_driver = pytest.importorskip(
    "playwright._impl._driver", reason="the browser's tests need: pip install playwright"
)


def in_node(pages: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Bring pages of ink, shape ``(n, height, width)``, to MNIST's form in JavaScript."""
    node, _ = _driver.compute_driver_executable()
    script = Path(__file__).with_name("pure") / "forms.js"
    _, height, width = pages.shape
    given = {
        "width": width,
        "height": height,
        "drawings": base64.b64encode(pages.tobytes()).decode(),
    }
    done = subprocess.run(
        [node, str(script)], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    return np.array(json.loads(done.stdout)).reshape(-1, 28, 28)


def in_python(pages: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.array([normalise(page.astype(np.float32) / 255) for page in pages], np.int64)


def test_drawn_digits_come_to_the_same_form() -> None:
    pages = np.stack([strokes.inked(one) for one in strokes.drawings(60, seed=1)])
    found, expected = in_node(pages), in_python(pages)
    assert abs(found - expected).max() <= 2
    assert (expected.max(axis=(1, 2)) > 200).all()


@pytest.mark.parametrize("side", [8, 16, 40])
def test_small_and_blurred_ink_comes_to_the_same_form(side: int) -> None:
    random = np.random.default_rng(side)
    pages = np.zeros((12, 60, 60), np.uint8)
    for page in pages:
        top, left = random.integers(0, 60 - side, 2)
        page[top : top + side, left : left + side // 2] = random.integers(0, 256, (side, side // 2))
    assert abs(in_node(pages) - in_python(pages)).max() <= 2


def test_ink_at_the_edge_and_no_ink_come_to_the_same_form() -> None:
    pages = np.zeros((4, 50, 40), np.uint8)
    pages[0, :, :6] = 255
    pages[1, 44:, :] = 200
    pages[2, 25, 20] = 255
    found = in_node(pages)
    assert abs(found - in_python(pages)).max() <= 2
    assert not found[3].any()
