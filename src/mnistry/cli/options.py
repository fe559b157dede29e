"""Arguments and options that several commands share, each described once.

Each is a decorator for a command's function.
"""

from pathlib import Path

import click

PATH: click.Path[Path] = click.Path(path_type=Path)

RUN = click.argument("run_path", metavar="RUN", type=PATH, help="A run directory.")
DATA = click.option(
    "--data",
    metavar="NAME|PATH",
    help="mnist, fashion-mnist, sample, or the path of an .npz, a .csv, a folder of IDX files or "
    "a folder of images a class.",
    show_default="MNIST, or offline the sample",
)
OWN_DATA = click.option(
    "--data",
    metavar="NAME|PATH",
    help="Other images: a name or a path, as for mnistry train.",
    show_default="the run's own data",
)
TRANSPOSE = click.option(
    "--transpose", is_flag=True, help="Exchange rows and columns, as EMNIST needs it."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
FOLDER = click.option(
    "--folder", metavar="DIR", type=PATH, default="runs", help="Where the runs are."
)
SPLITS = click.Choice(("train", "test"))
MODEL = click.option(
    "--model",
    metavar="RUN|FILE.onnx",
    help="Read with this network.",
    show_default="the one that ships",
)
THRESHOLD = click.option(
    "--threshold",
    metavar="F",
    type=click.FloatRange(0, 1),
    help="Print ? for a digit that is less probable than this.",
    show_default="the network's own",
)
