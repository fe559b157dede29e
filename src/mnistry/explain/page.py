"""An explanation as one HTML page without scripts, fonts or links to other files.

Knows nothing of what the numbers mean.
"""

from __future__ import annotations

import base64
import importlib.resources
import io
import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from mnistry.explain.colours import Picture
from mnistry.explain.learning import LearningStep
from mnistry.explain.narrative import Drawing, Formula, Part, Section, Table
from mnistry.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# As in mnistry.display.plots: from the colour-blind safe set of M. Okabe and K. Ito, 2008.
_BLUE, _ORANGE = "#0072B2", "#D55E00"
# The page replaces this colour by that of its text, which is dark or light.
_TEXT = "#010203"
_WIDE = 50  # times the step: on a wider scale 1 is too close to 0 to be seen


def render(title: str, sections: Sequence[Section], note: str = "") -> str:
    """Return the sections of `mnistry.explain.narrative`, numbered, as one page.

    `note` is its last paragraph. Encode the HTML as UTF-8. All text is escaped.
    """
    style = importlib.resources.files("mnistry.explain").joinpath("page.css").read_text("utf-8")
    body = "".join(_section(number, section) for number, section in enumerate(sections, start=1))
    closing = f"<p>{escape(note)}</p>" if note else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n{body}{closing}\n<footer><p>mnistry {__version__}. The same "
        "command with <code>--json</code> prints the numbers with all their digits.</p></footer>\n"
        "</main>\n</body>\n</html>\n"
    )


def loss_figure(step: LearningStep, others: str = "other images") -> Figure:
    """Draw the loss of the image, and of others, in the direction of a step.

    The dashed line is the slope at the start. Dots mark the image's loss before and after the
    step, and the lowest mean loss of the others. `others` says what the other images are.
    """
    from matplotlib.figure import Figure

    curve = step.curve
    rows = 1 if curve.others is None else 2
    figure = Figure(figsize=(5.6, 2.2 * rows + 0.3), layout="constrained")
    upper, *lower = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    upper.plot(curve.factors, curve.own, color=_BLUE, label="actual loss")
    upper.axline(
        (0, step.before), slope=step.slope, color=_ORANGE, ls="--", label="predicted by the slope"
    )
    upper.plot([0, 1], [step.before, step.after], "o", color=_BLUE, clip_on=False, zorder=3)
    unit = "" if step.loss == "mean_squared_error" else " (nats)"
    upper.set(title=f"The loss of this image{unit}", ylim=(0, 1.05 * float(curve.own.max()) or 1))
    upper.legend(frameon=False)
    if curve.others is not None:
        start, least = float(curve.others[0]), int(curve.others.argmin())
        lowest = float(curve.others[least])
        lower[0].plot(curve.factors, curve.others, color=_BLUE)
        lower[0].plot(curve.factors[least], lowest, "o", color=_BLUE, zorder=3)
        lower[0].axhline(start, color=_TEXT, lw=0.8, ls=":")
        lower[0].set(
            title=f"The mean loss of {step.others:,} {others}{unit}",
            ylim=(min(0.9 * start, 0.95 * lowest), 1.55 * start or 1),
        )
    label = "times the step"
    if curve.factors[-1] > _WIDE:
        label += "; the step itself ends at 1, close to the left edge"
    figure.axes[-1].set(xlabel=label, xlim=(0, curve.factors[-1]))
    for axes in figure.axes:
        axes.axvline(1, color=_TEXT, lw=0.8, ls=":")
        axes.grid(alpha=0.15)
    return figure


def _section(number: int, section: Section) -> str:
    parts = "\n".join(map(_part, section.parts))
    return (
        f"<section>\n<h2><span>{number}</span>{escape(section.title)}</h2>\n{parts}\n</section>\n"
    )


def _part(part: Part) -> str:
    if isinstance(part, str):
        return f"<p>{_text(part)}</p>"
    if isinstance(part, Formula):
        return f'<p class="formula">{_text(part.text)}</p>'
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Drawing):
        return f'<div class="drawing">{_svg(part)}</div>'
    return _pictures(part)


def _text(text: str) -> str:
    # Otherwise browsers could break a line after the hyphen of 1.5e-06.
    return re.sub(r"\S+e-\d\d", r"<span>\g<0></span>", escape(text))


def _table(table: Table) -> str:
    bars = [
        f'<td class="bar"><span style="width:{share:.2%}"></span></td>' for share in table.shares
    ] or [""] * len(table.rows)
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = []
    for number, ((name, *cells), bar) in enumerate(zip(table.rows, bars, strict=True)):
        kind = ' class="marked"' if number == table.marked else ""
        inner = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr{kind}><th scope="row">{escape(name)}</th>{inner}{bar}</tr>\n')
    extra = "<td></td>" if table.shares else ""
    kind = ' class="words"' if table.words else ""
    return (
        f'<div class="scroll"><table{kind}>\n<thead><tr>{head}{extra}</tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table></div>"
    )


def _pictures(pictures: Sequence[Picture]) -> str:
    alone = len(pictures) == 1
    figures = []
    for picture in pictures:
        # The width of a single picture depends on its columns; several share the width of a row.
        width = f' style="width:min(100%,{0.55 * picture.pixels.shape[1]:.2f}rem)"' * alone
        caption = escape(picture.caption)
        figures.append(
            f'<figure{width}><img alt="{caption}" src="data:image/png;base64,'
            f'{_png(picture)}"><figcaption>{caption}</figcaption></figure>'
        )
    kind = "pictures one" if alone else "pictures"
    return f'<div class="{kind}">\n' + "\n".join(figures) + "\n</div>"


def _png(picture: Picture) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture.pixels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _svg(drawing: Drawing) -> str:
    """Draw the loss as an element of the page, in the page's colours."""
    import matplotlib

    names = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor")
    colours: Any = dict.fromkeys((*names, "grid.color", "xtick.color", "ytick.color"), _TEXT)
    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "mnistry", **colours}):
        undated = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        loss_figure(drawing.step, drawing.others).savefig(
            file, format="svg", transparent=True, metadata=undated
        )
    drawn = file.getvalue()
    # Inside a page an <svg> element needs no XML header, size or namespaces.
    view = re.search(r'viewBox="[^"]*"', drawn)
    inner = drawn[drawn.index("<defs>") :].replace(_TEXT, "currentColor")
    about = "Curves: the loss of this image, and of others, against multiples of the step"
    return f'<svg role="img" aria-label="{about}" {view and view[0]}>{inner}'
