"""Arguments and options that several commands share.

Each is a decorator for a command's function, except `PATH` and `SPLITS`, types of values, and
`RAY`, a help text.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

Function = TypeVar("Function", bound=Callable[..., Any])

PATH: click.Path[Path] = click.Path(path_type=Path)

RUN = click.argument("run_path", metavar="RUN", type=PATH, help="A run directory.")
DATA = click.option(
    "--data",
    metavar="NAME|PATH",
    help="mnist, fashion-mnist, sample, or a path: .npz, .csv, .parquet, .mat, IDX files, a folder "
    "of pictures for each class, and others.",
    show_default="MNIST, or offline the sample",
)
OWN_DATA = click.option(
    "--data",
    metavar="NAME|PATH",
    help="Use other images: a name or a path, as for mnistry train.",
    show_default="the run's own data",
)
TRANSPOSE = click.option("--transpose", is_flag=True, help="Swap each image's rows and columns.")
_ORIGIN = (
    TRANSPOSE,
    click.option(
        "--images", metavar="NAME", help="The array or column that holds the images of a file."
    ),
    click.option(
        "--labels", metavar="NAME", help="The array or column that holds the labels of a file."
    ),
    click.option(
        "--labels-from",
        metavar="N",
        type=click.IntRange(0, 1000),
        default=0,
        help="The label of the first class, after --relabel.",
    ),
    click.option(
        "--fit",
        is_flag=True,
        help="Scale and centre the ink of each image, of any size, as in MNIST.",
    ),
)


def origin(function: Function) -> Function:
    """Add the options that say how to read data; the function gets an `Origin` as `origin`."""
    return _with_origin(function, "--relabel", "--label")


def origin_beside_label(function: Function) -> Function:
    """Add the options of `origin`, but no --label, to a command whose own --label names a class."""
    return _with_origin(function, "--relabel")


def _with_origin(function: Function, *relabel_names: str) -> Function:
    relabelled = click.option(
        *relabel_names,
        "relabel",
        metavar="OLD=NEW",
        multiple=True,
        help="Change a label: 10=0 where 10 stands for zero; may be given again.",
    )

    @functools.wraps(function)
    def with_origin(
        *,
        transpose: bool,
        images: str | None,
        labels: str | None,
        relabel: tuple[str, ...],
        labels_from: int,
        fit: bool,
        **others: Any,
    ) -> Any:
        from mnistry.datasets import Origin

        origin = Origin(None, transpose, images, labels, relabel, labels_from, fit)
        return function(origin=origin, **others)

    decorated: Any = with_origin
    for option in reversed((*_ORIGIN, relabelled)):
        decorated = option(decorated)
    return cast(Function, decorated)


JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
FOLDER = click.option(
    "--folder", metavar="DIR", type=PATH, default="runs", help="The folder with the runs."
)
SPLITS = click.Choice(("train", "test"))
MODEL = click.option(
    "--model",
    metavar="RUN|FILE.onnx",
    help="The network to read with.",
    show_default="the built-in one",
)
DECIMAL_COMMA = click.option(
    "--decimal-comma",
    is_flag=True,
    help="A comma separates decimals, and a point thousands.",
)
THOUSANDS = click.option(
    "--thousands",
    is_flag=True,
    help="Thousands are separated: by a comma, or with --decimal-comma by a point.",
)
HOST = click.option(
    "--host",
    metavar="NAME",
    default="127.0.0.1",
    help="The address to listen on; 0.0.0.0 is for every machine that can reach this one.",
)
PORT = click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65_535),
    default=8000,
    help="The port to listen on; 0 chooses a free one.",
)
ALLOW_HOST = click.option(
    "--allow-host",
    metavar="NAME",
    multiple=True,
    help="Another name of the server, as behind a proxy: digits.example.org; may be given again.",
)
ALLOW_ORIGIN = click.option(
    "--allow-origin",
    metavar="URL",
    multiple=True,
    help="Let pages of another site send requests: https://www.example.org; may be given again.",
)
RAY = "The address of the Ray cluster; local starts one on this machine."
THRESHOLD = click.option(
    "--threshold",
    metavar="F",
    type=click.FloatRange(0, 1),
    help="Print ? for a digit whose probability is below F.",
    show_default="the network's own",
)


def output(metavar: str, text: str, **settings: Any) -> Callable[[Function], Function]:
    """Make the option ``-o`` with this help; other settings are those of `click.option`."""
    return click.option("-o", "--output", metavar=metavar, type=PATH, help=text, **settings)
