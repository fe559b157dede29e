"""The gallery: the examples of ``examples/gallery``, each run, with its picture.

An example is a script: its docstring is a title and a few sentences, and it leaves a matplotlib
figure called ``figure``. Knows nothing of Sphinx.
"""

import ast
import base64
import dataclasses
import io
import runpy
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parents[1] / "examples" / "gallery"
# In the order of the page.
NAMES = (
    *("one_of_each", "weights_as_pictures", "mistakes", "confusions", "confidence"),
    *("learning_rates", "few_images", "distortions", "where_it_looks", "numbers_in_a_picture"),
)


@dataclasses.dataclass(frozen=True)
class Example:
    """An example: its title, its sentences, and its code without them."""

    name: str
    title: str
    text: str
    code: str


def read(name: str) -> Example:
    """Read an example."""
    source = (FOLDER / f"{name}.py").read_text("utf-8")
    title, _, text = (ast.get_docstring(ast.parse(source)) or "").partition("\n\n")
    first = ast.parse(source).body[0]
    code = "\n".join(source.splitlines()[first.end_lineno :]).strip()
    return Example(name, title.rstrip("."), text, code)


def picture(name: str) -> bytes:
    """Run an example, and return its figure as a PNG; raise `ValueError` if it shows nothing."""
    figure = runpy.run_path(str(FOLDER / f"{name}.py"))["figure"]
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    with Image.open(file) as shown:
        pixels = np.asarray(shown.convert("L"))
    dark = (pixels < 128).mean()
    if min(pixels.shape) <= 150 or not 0.005 < dark < 0.6:
        raise ValueError(f"{name}: a picture of shape {pixels.shape}, {dark:.1%} of it dark")
    return file.getvalue()


def markdown(example: Example, png: bytes) -> str:
    """Return the part of the page about an example."""
    shown = base64.b64encode(png).decode()
    return (
        f"## {example.title}\n\n{example.text}\n\n"
        f'<img class="example" alt="{example.title}" src="data:image/png;base64,{shown}">\n\n'
        f"```python\n{example.code}\n```\n\n"
        f"`examples/gallery/{example.name}.py`\n\n"
    )


def page() -> str:
    """Return all examples as Markdown."""
    return "".join(markdown(read(name), picture(name)) for name in NAMES)
