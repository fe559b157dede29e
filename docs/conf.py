"""How Sphinx builds the site: ``make docs``.

The pages are MyST Markdown. Four things are made while it builds: the figures, the gallery, the
reference of the commands, and formulas as MathML, which browsers show without a script from
elsewhere.
"""

import html
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.docutils import SphinxDirective

from mnistry import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import commands  # noqa: E402
import figures  # noqa: E402
import gallery  # noqa: E402

project = "mnistry"
author = "the mnistry authors"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
html_theme = "furo"
html_title = "mnistry"
html_static_path = ["static"]
html_css_files = ["mnistry.css"]
html_copy_source = False
html_show_copyright = False
html_theme_options = {"top_of_page_buttons": []}
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
smartquotes = False  # a quote in the text may be part of a command

html_math_renderer = "mathml"
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the text says what each argument is
numpydoc_show_class_members = False


class Drawing(SphinxDirective):
    """One of `figures.FIGURES`, as SVG within the page; the text is for those who cannot see it."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Draw it."""
        self.env.note_dependency(str(HERE / "figures.py"))
        words = html.escape(" ".join(self.content))
        svg = figures.svg(self.arguments[0]).replace(
            "<svg ", f'<svg role="img" aria-label="{words}" ', 1
        )
        return [nodes.raw("", f'<div class="drawing">{svg}</div>', format="html")]


def append_made_parts(_app: "Sphinx", page: str, source: list[str]) -> None:
    """Append the help of every command to the page about the command line, and the gallery."""
    if page == "reference/cli":
        source[0] += "\n" + commands.reference()
    if page == "gallery":
        source[0] += "\n" + gallery.page()


def escape_bars(
    _app: "Sphinx", _what: str, _name: str, _it: object, _options: object, lines: list[str]
) -> None:
    """Keep |v| in a docstring as it is; to reStructuredText it would be a reference."""
    lines[:] = [re.sub(r"(``.*?``)|\|", lambda m: m[1] or r"\|", line) for line in lines]


def inline_formula(translator: "HTML5Translator", node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def displayed_formula(translator: "HTML5Translator", node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: "Sphinx") -> None:
    """Register the directive, the formulas and the hooks with Sphinx."""
    app.add_directive("drawing", Drawing)
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
    app.connect("source-read", append_made_parts)
    app.connect("autodoc-process-docstring", escape_bars)
