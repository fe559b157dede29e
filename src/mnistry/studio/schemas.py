"""What the studio's API takes and gives, as types; its OpenAPI page is made of them.

Knows nothing of routes, nor of how an answer comes about.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Label = Annotated[int, Field(ge=0, le=9)]
Grey = Annotated[int, Field(strict=True, ge=0, le=255)]
Row = Annotated[list[Grey], Field(min_length=28, max_length=28)]
Image = Annotated[
    list[Row],
    Field(min_length=28, max_length=28, description="28 rows of 28 values: 0 paper, 255 ink"),
]
SplitName = Literal["train", "test"]
NetworkName = Literal["dense", "linear", "convnet", "strided", "strided-large"]
OptimizerName = Literal[
    "rmsprop", "sgd", "adam", "adamw", "nadam", "adamax", "adagrad", "adadelta", "lion"
]
DataName = Literal["mnist", "fashion-mnist", "sample"]
Status = Literal["running", "done", "interrupted", "diverged", "failed"]


class _Given(BaseModel):
    """What a client sends: nothing that has no name here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Error(_Answer):
    """What happened, where, what was expected, and the remedy."""

    what: str
    where: str | None = None
    expected: str | None = None
    remedy: str | None = None


class Problem(_Answer):
    """The body of every answer that is none."""

    error: Error


class Layer(_Answer):
    """A layer of the network in use, and the shape of what it gives for one image."""

    name: str
    kind: str
    shape: list[int]


class NetworkInfo(_Answer):
    """The network that every page uses.

    `run` is the name of its run, None for the one that the studio was started with; `units` the
    nodes of its first layer, None if it is not dense.
    """

    name: str
    run: str | None
    path: str | None
    layers: list[Layer]
    units: int | None
    dense: bool


class TrainSettings(_Given):
    """A training; what is left out is as in the classic experiment."""

    network: NetworkName = "dense"
    units: int = Field(default=512, ge=1, le=8192)
    depth: int = Field(default=1, ge=1, le=10)
    optimizer: OptimizerName = "rmsprop"
    learning_rate: FiniteFloat | None = Field(
        default=None, gt=0, description="null: the optimizer's own"
    )
    batch_size: int = Field(default=128, ge=1, le=60_000)
    epochs: int = Field(default=5, ge=1, le=1000)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    data: DataName | None = Field(
        default=None, description="null: MNIST, or the sample where it is not"
    )


class Training(_Answer):
    """The training that runs, or the last one that ran."""

    run: str
    status: Status
    epoch: int
    epochs: int
    step: int
    steps: int | None
    started: str
    settings: TrainSettings


class StudioStatus(_Answer):
    """What the page asks first."""

    version: str
    network: NetworkInfo
    can_train: bool
    training: Training | None


class Candidate(_Answer):
    """What a digit may be, and how probable that is, 0 to 1."""

    digit: int
    confidence: float


class Digit(_Answer):
    """A digit that was found in a picture.

    `digit` is None where it is too uncertain to vouch for; `box` is x, y, width and height in the
    upright picture's pixels; `image` is what the network was given; `bits[k]` is what the answer
    costs if the truth is k.
    """

    digit: int | None
    confidence: float
    box: tuple[int, int, int, int]
    line: int
    candidates: list[Candidate]
    image: list[list[int]]
    probabilities: list[float]
    bits: list[float]


class Reading(_Answer):
    """What was read in a picture of so many pixels."""

    lines: list[str]
    text: str
    digits: list[Digit]
    width: int
    height: int


class ExplainRequest(_Given):
    """An image in MNIST's form, and its true class where it is known."""

    image: Image
    label: Label | None = None


class LayerValues(Layer):
    """What a layer gives for one image, row by row, channels last, to five decimals."""

    values: list[float]


class Hidden(_Answer):
    """The first layer of a dense network: each node's sum, and what it passes on."""

    sums: list[float]
    values: list[float]


class Explanation(_Answer):
    """One image's way through the network in use.

    `logits` and `exponentials` are None if the network does not end with softmax; `exponentials`
    are e to the power of each logit less the largest; `bits` is what the answer costs.
    """

    layers: list[LayerValues]
    hidden: Hidden | None
    logits: list[float] | None
    exponentials: list[float] | None
    probabilities: list[float]
    argmax: int
    bits: float | None


class Unit(_Answer):
    """A node of a dense network's first layer: a weight for each pixel, and the bias."""

    weights: list[list[float]]
    bias: float


class Item(_Answer):
    """An image of the dataset, and what the network in use answers."""

    index: int
    label: int | None
    guess: int | None
    confidence: float | None
    disputed: bool


class Items(_Answer):
    """Part of a list of images; `total` counts the whole list."""

    name: str
    classes: list[str]
    notices: list[str]
    total: int
    items: list[Item]


class LabelledImage(_Answer):
    """One image of the dataset as the numbers that it is."""

    label: int | None
    image: list[list[int]]


class RunSummary(_Answer):
    """A run in the folder; `chosen` if it is the network in use."""

    name: str
    status: str
    recipe: str
    seed: int
    data: str
    test_accuracy: float | None
    test_loss: float | None
    created: str
    chosen: bool


class Runs(_Answer):
    """Every run in the folder, the oldest first, and why others cannot be read."""

    runs: list[RunSummary]
    broken: list[Error]


class Epoch(_Answer):
    """What one epoch came to."""

    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    seconds: float


class RunDetail(RunSummary):
    """A run with its settings, its epochs and its scorecards (as in ``scorecard.json``)."""

    settings: dict[str, Any]
    epochs: list[Epoch]
    scores: dict[str, Any] | None


class McNemar(_Answer):
    """Whether two runs differ: images that only one of them got wrong, and McNemar's test."""

    only_a: int
    only_b: int
    p: float
    verdict: str


class RunComparison(_Answer):
    """Two runs; `mcnemar` is None if they were not scored on the same test images."""

    a: RunDetail
    b: RunDetail
    mcnemar: McNemar | None


class Choice(_Given):
    """The name of a run; null for the network that the studio was started with."""

    run: str | None = Field(max_length=255)
