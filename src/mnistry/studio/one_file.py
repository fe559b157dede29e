"""A run's network as one HTML file that draws, reads and explains, without a server or other files.

The studio's JavaScript modules are joined into one script. A content security policy allows this
script, by its hash, and no connection. Knows nothing of FastAPI.
"""

import base64
import dataclasses
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from string import Template

from mnistry.datasets.dataset import DIGITS, Dataset
from mnistry.datasets.splits import hold_out
from mnistry.errors import DataError, ModelError
from mnistry.evaluation.statistics import Interval
from mnistry.explain import narrative
from mnistry.networks import javascript
from mnistry.networks.javascript import PageNetwork
from mnistry.percent import percent
from mnistry.reading import built_in
from mnistry.runs.compact import set_aside
from mnistry.runs.directory import Run
from mnistry.version import __version__

_STATIC = Path(__file__).with_name("static")
_START = PurePosixPath("page/page.js")
_STYLES = ("studio.css", "draw.css", "page/page.css")
_IMPORT = re.compile(
    r"^import (?:\{(?P<names>[^}]*)\}|\* as (?P<whole>\w+)) from \"(?P<path>\.\.?/[^\"]+)\";\n",
    re.MULTILINE,
)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (?P<name>\w+))", re.MULTILINE)
_COLOUR = re.compile(r"(?P<name>--[\w-]+): light-dark\((?P<light>#\w+), (?P<dark>#\w+)\);")

# Images on which answers with rounded weights are compared, at most.
_COMPARED = 2000


@dataclasses.dataclass(frozen=True, eq=False)
class OneFile:
    """The page and what was measured.

    Attributes
    ----------
    page
        The HTML, to be encoded as UTF-8.
    network
        The network in it.
    """

    page: str
    network: PageNetwork


def of_run(run: Run, dataset: Dataset) -> OneFile:
    """Make the page of a run's network.

    Parameters
    ----------
    run
        A finished run.
    dataset
        The run's own data. Rounded weights are compared on its validation images, or on
        training images where it held none out.

    Raises
    ------
    ModelError
        If the network does not read the ten digits, or has an operator that the page lacks.
    DataError
        If there are no labelled training images.
    """
    if run.data.classes != DIGITS:
        raise ModelError(
            f"it tells {len(run.data.classes)} classes apart, {', '.join(run.data.classes[:4])}, …",
            where=run.path,
            expected="the ten digits, which can be drawn",
            remedy="export it with --format onnx",
        )
    path = run.checked(run.onnx_path)
    _, held_out = set_aside(run, dataset)
    network = javascript.translate(path.read_bytes(), held_out.images[:_COMPARED], str(path))
    scores = run.scores()
    card, split = (scores.train, "training") if scores.test is None else (scores.test, "test")
    name, data_licence = _isolated(run.data.name), _isolated(run.data.licence)
    right = _share(card.accuracy, card.interval, f"{card.count:,} {split} images of {name}")
    notes = run.notes(scores)
    facts = {"Made by": notes["run"], "Right": right}
    if scores.test is not None:
        facts["In training"] = (
            f"{percent(scores.train.accuracy)} of the {scores.train.count:,} images"
        )
    data = f"{name}; licence: {data_licence}"
    return _one_file(network, built_in.thresholds_of(path)[0], facts, data, notes["licence"])


def of_built_in(dataset: Dataset) -> OneFile:
    """Make the page of the built-in network; rounded weights are compared on training images."""
    card = built_in.built_in_card()
    aside = None if dataset.train is None else hold_out(dataset.train, 0.1, 0)[1]
    if aside is None:
        raise DataError("no labelled training images", where=dataset.source)
    network = javascript.translate(
        built_in.SHIPPED.read_bytes(), aside.images[:_COMPARED], "the built-in network"
    )
    test, licence = card["digits"]["test"]["right"], card["data"]["licence"]
    data = "; ".join(card["data"]["sources"].values())
    facts = {
        "Made by": f"mnistry: {card['joined']}",
        "Right": _share(test["share"], test["interval"], f"{test['of']:,} test images of mnist"),
    }
    return _one_file(network, card["threshold"], facts, data, licence)


def _isolated(text: str) -> str:
    """Keep the direction of a text, such as Hebrew, from changing the order of what is beside it.

    Two characters of Unicode do so: first strong isolate, and pop directional isolate.
    """
    return text if text.isascii() else f"\u2068{text}\u2069"


def _share(part: float, interval: Interval, of: str) -> str:
    low, high = interval
    return f"{percent(part)} of {of} (95 % interval {percent(low)} to {percent(high)})"


def _one_file(
    network: PageNetwork, threshold: float, facts: Mapping[str, str], data: str, licence: str
) -> OneFile:
    more = {
        "Uncertain": "“?” is shown where no digit has a probability of "
        f"{percent(threshold, 1)} or more; a scribble may get a digit all the same",
        "Data": data,
        "The network's licence": licence,
        "Weights": f"{network.numbers:,} numbers; weights of {javascript.LARGE:,} numbers or more "
        f"are stored in {network.bits} bits here: of {network.count:,} training images "
        f"{network.changed:,} are answered differently, and no probability changes by more than "
        f"{network.difference:.4f}",
    }
    lead = f"This network reads what you draw while you draw. It is right for {facts['Right']}."
    return OneFile(render(network, threshold, lead, {**facts, **more}), network)


def render(network: PageNetwork, threshold: float, lead: str, facts: Mapping[str, str]) -> str:
    """Return the page, to be encoded as UTF-8.

    Parameters
    ----------
    network
        The network.
    threshold
        A digit that is less probable than this is shown as ``?``.
    lead
        A sentence under the heading.
    facts
        Names and texts: the scorecard, data, licence and others.
    """
    script = joined(_START)
    style = _plain_colours("".join(_read(PurePosixPath(name)) for name in _STYLES))
    data = json.dumps(
        {
            **network.to_json(),
            "threshold": threshold,
            "sentences": narrative.SENTENCES,
        },
        separators=(",", ":"),
    ).replace("<", "\\u003c")
    escaped = {
        "title": "A network that reads digits",
        "lead": lead,
        "version": __version__,
        "weights": narrative.SENTENCES["weights"],
        "softmax_title": narrative.SOFTMAX_TITLE,
        "policy": _policy(script, style),
    }
    return Template(_read(PurePosixPath("page/page.html"))).substitute(
        {name: html.escape(text) for name, text in escaped.items()},
        headings="".join(f'<th scope="col">{name}</th>' for name in narrative.SOFTMAX_HEADINGS),
        facts="".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>"
            for name, text in facts.items()
        ),
        style=style,
        script=script,
        data=data,
    )


def joined(start: PurePosixPath) -> str:
    """Join a module of ``static/`` and all that it imports into one script.

    Each module becomes a function that returns what it exports; they are called in the order of
    their imports.
    """
    order: dict[PurePosixPath, str] = {}
    _collect(start, order, ())
    return "".join(order.values())


def _collect(
    path: PurePosixPath, order: dict[PurePosixPath, str], above: tuple[PurePosixPath, ...]
) -> None:
    """Add a module after those that it imports."""
    if path in order:
        return
    if path in above:
        raise ValueError(f"{path} imports itself")
    source = _read(path)

    def as_constant(match: re.Match[str]) -> str:
        """Return the declaration that replaces an import, once that module has been added."""
        other = _relative(path, match["path"])
        _collect(other, order, (*above, path))
        names = match["whole"] or "{" + match["names"].replace(" as ", ": ") + "}"
        return f"const {names} = {_name(other)};\n"

    body = _IMPORT.sub(as_constant, source)
    exported = [match["name"] for match in _EXPORT.finditer(body)]
    body = _EXPORT.sub("", body)
    if re.search(r"^(import|export)\b", body, re.MULTILINE):
        raise ValueError(f"{path} has an import or export that cannot be joined")
    order[path] = (
        f'const {_name(path)} = (() => {{\n"use strict";\n{body}return '
        f"{{ {', '.join(exported)} }};\n}})();\n"
    )


def _relative(path: PurePosixPath, other: str) -> PurePosixPath:
    """Return the path of a module that another one imports."""
    parts: list[str] = list(path.parent.parts)
    for part in PurePosixPath(other).parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return PurePosixPath(*parts)


def _name(path: PurePosixPath) -> str:
    return "module_" + re.sub(r"\W", "_", str(path.with_suffix("")))


def _plain_colours(style: str) -> str:
    """Replace light-dark(), which older browsers lack, by a media query.

    Examples
    --------
    >>> print(_plain_colours(":root { --a: light-dark(#fff, #000); }"))
    :root { --a: #fff; }
    @media screen and (prefers-color-scheme: dark) { :root { --a: #000; } }
    """
    dark = " ".join(f"{one['name']}: {one['dark']};" for one in _COLOUR.finditer(style))
    light = _COLOUR.sub(lambda one: f"{one['name']}: {one['light']};", style)
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"


def _policy(script: str, style: str) -> str:
    hashes = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (script, style)
    )
    return (
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; "
        "base-uri 'none'; form-action 'none'"
    ).format(*hashes)


def _read(path: PurePosixPath) -> str:
    return (_STATIC / path).read_text("utf-8")
