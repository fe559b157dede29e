"""Every example of the gallery runs, and makes a picture in which something is to be seen."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.test_docs import module

gallery = module("gallery")


def test_every_script_is_on_the_page() -> None:
    assert sorted(gallery.NAMES) == sorted(path.stem for path in gallery.FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", gallery.NAMES)
def test_an_example_says_what_it_shows_in_few_lines(name: str) -> None:
    example = gallery.read(name)
    assert 5 < len(example.title) < 60
    assert 10 < len(example.text.split()) < 60
    assert len(example.code.splitlines()) <= 36
    assert "import mnistry" in example.code


@pytest.mark.slow
@pytest.mark.parametrize("name", gallery.NAMES)
def test_an_example_makes_its_picture(name: str) -> None:
    with Image.open(io.BytesIO(gallery.picture(name))) as shown:
        pixels = np.asarray(shown.convert("L"))
    assert min(pixels.shape) > 150
    assert 0.005 < (pixels < 128).mean() < 0.6
    assert f'alt="{gallery.read(name).title}"' in gallery.markdown(gallery.read(name), b"")
