"""The types of the studio's requests and answers, beside the server's.

Knows nothing of routes, nor of how an answer is computed.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from mnistry.networks.names import NetworkName
from mnistry.runs.directory import Status
from mnistry.server.errors import Error
from mnistry.training.history import Epoch

Label = Annotated[int, Field(ge=0, le=9)]
Grey = Annotated[int, Field(strict=True, ge=0, le=255)]
Row = Annotated[list[Grey], Field(min_length=28, max_length=28)]
Image = Annotated[
    list[Row],
    Field(min_length=28, max_length=28, description="28 rows of 28 values: 0 paper, 255 ink"),
]
SplitName = Literal["train", "test"]
OptimizerName = Literal[
    "rmsprop", "sgd", "adam", "adamw", "nadam", "adamax", "adagrad", "adadelta", "lion"
]
ActivationName = Literal["relu", "tanh", "sigmoid"]
# The network in use, or the classic dense one that comes with the studio.
NetworkToExplain = Literal["chosen", "classic"]
MAX_SHEET = 200  # images in one answer
DataName = Literal["mnist", "fashion-mnist", "sample"]


class RequestBody(BaseModel):
    """Base of request bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True)


class ErrorBody(Answer):
    """Error body."""

    error: Error


class Layer(Answer):
    """A layer of the network in use, and the shape of its output for one image."""

    name: str
    kind: str
    shape: list[int]


class NetworkInfo(Answer):
    """The network that every page uses.

    `run` is the name of its run, null for the network that the studio was started with; `units` is
    the number of nodes in its first layer, null if that is not dense.
    """

    name: str
    run: str | None
    layers: list[Layer]
    units: int | None
    dense: bool


class TrainSettings(RequestBody):
    """A training's settings; what is left out is as in the recipe.

    The defaults are those of the recipe classic.
    """

    recipe: str = Field(default="classic", max_length=100, description="as in /api/recipes")
    network: NetworkName = "dense"
    units: int = Field(default=512, ge=1, le=8192)
    depth: int = Field(default=1, ge=1, le=10)
    activation: ActivationName = "relu"
    dropout: FiniteFloat | None = Field(default=None, ge=0, lt=1)
    optimizer: OptimizerName = "rmsprop"
    learning_rate: FiniteFloat | None = Field(
        default=None, gt=0, description="null: the optimizer's own"
    )
    batch_size: int = Field(default=128, ge=1, le=60_000)
    epochs: int = Field(default=5, ge=1, le=1000)
    distort: FiniteFloat = Field(
        default=0, ge=0, le=3, description="1: as far as the recipe classic-plus; 0: not at all"
    )
    validation: FiniteFloat = Field(
        default=0, ge=0, lt=1, description="the part of the training images that is set aside"
    )
    early_stopping: int | None = Field(
        default=None, ge=1, le=1000, description="epochs without a lower validation loss"
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    data: DataName | None = Field(
        default=None, description="null: MNIST, or the sample if MNIST is missing"
    )


class Training(Answer):
    """The running training, or the last one."""

    run: str
    status: Status
    epoch: int
    epochs: int
    step: int
    steps: int | None
    started: str
    settings: dict[str, Any]


class RecipeSettings(Answer):
    """A recipe's settings, in the words of a training's; `distort` is null if it is its own."""

    name: str
    network: str
    units: int
    depth: int
    activation: str
    dropout: float | None
    optimizer: str
    learning_rate: float | None
    batch_size: int
    epochs: int
    distort: float | None
    validation: float
    early_stopping: int | None


class StudioStatus(Answer):
    """The version, the network in use and the training: what the page asks first."""

    version: str
    network: NetworkInfo
    can_train: bool
    training: Training | None
    has_review: bool
    forms: list[str]


class ExplainRequest(RequestBody):
    """An image in MNIST's form, its true class where it is known, and the network."""

    image: Image
    label: Label | None = None
    network: NetworkToExplain = "chosen"


class LayerValues(Layer):
    """A layer's output for one image, row by row, channels last, to five decimals."""

    values: list[float]


class Hidden(Answer):
    """The first layer of a dense network: each node's weighted sum, and its activation."""

    sums: list[float]
    values: list[float]


class PageNetwork(Answer):
    """The network in use for JavaScript; a digit less probable than the threshold is uncertain."""

    network: dict[str, Any]
    content: str
    check: dict[str, Any]
    threshold: float


class Explanation(Answer):
    """The values of every layer for one image.

    `logits` and `exponentials` are null if the network does not end with softmax; `exponentials`
    are e^(logit - largest logit), one per class; `bits` is the loss in bits, null without a label.
    """

    layers: list[LayerValues]
    hidden: Hidden | None
    logits: list[float] | None
    exponentials: list[float] | None
    probabilities: list[float]
    argmax: int
    bits: float | None


class Unit(Answer):
    """A node of a dense network's first layer: a weight for each pixel, and the bias.

    `outgoing` are its weights in the sums of the next layer, null if there is none.
    """

    weights: list[list[float]]
    bias: float
    outgoing: list[float] | None


class Selection(BaseModel):
    """Which images of the dataset to list.

    `digit` lists images with this label; `mistakes` those that the network in use predicts wrongly;
    `disputed` those whose label is disputed. `order` is the dataset's (`index`), or by the
    network's confidence: the highest first (`surest`) or the lowest (`unsurest`). `offset` and
    `limit` choose a part of the list.
    """

    data: DataName | None = None
    split: SplitName = "test"
    digit: Label | None = None
    mistakes: bool = False
    disputed: bool = False
    order: Literal["index", "surest", "unsurest"] = "index"
    offset: int = Field(default=0, ge=0, le=10**9)
    limit: int = Field(default=100, ge=1, le=MAX_SHEET)


class Item(Answer):
    """An image of the dataset, and the prediction of the network in use.

    `guess` and `confidence` are null if the dataset's classes are not digits.
    """

    index: int
    label: int | None
    guess: int | None
    confidence: float | None
    disputed: bool


class Items(Answer):
    """Part of a list of images; `total` counts the whole list."""

    name: str
    classes: list[str]
    notices: list[str]
    total: int
    items: list[Item]


class LabelledImage(Answer):
    """One image of the dataset: 28 rows of 28 values."""

    label: int | None
    image: list[list[int]]


class RunSummary(Answer):
    """A run in the folder; `chosen` if it is the network in use."""

    name: str
    status: str
    recipe: str
    seed: int | None
    data: str
    test_accuracy: float | None
    test_loss: float | None
    created: str
    chosen: bool


class Runs(Answer):
    """Every run in the folder, the oldest first, and the errors of those that cannot be read."""

    runs: list[RunSummary]
    broken: list[Error]


class RunDetail(RunSummary):
    """A run with its settings, its epochs and its scorecards (as in ``scorecard.json``)."""

    settings: dict[str, Any]
    epochs: tuple[Epoch, ...]
    scores: dict[str, Any] | None


class McNemar(Answer):
    """McNemar's test of two runs, with the number of images that only one of them got wrong."""

    only_a: int
    only_b: int
    p: float
    verdict: str


class RunComparison(Answer):
    """Two runs; `mcnemar` is null if they were not scored on the same test images."""

    a: RunDetail
    b: RunDetail
    mcnemar: McNemar | None


class Example(RequestBody):
    """A labelled digit in MNIST's form: its 784 pixels in base64."""

    label: Label
    image: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{1046}==$")]


class Examples(RequestBody):
    """Labelled digits of one hand."""

    examples: Annotated[list[Example], Field(min_length=1, max_length=2000)]


class LessonFigures(Answer):
    """How a network reads: examples read wrongly, their mean loss in nats, and the test images."""

    wrong: int
    examples: int
    loss: float
    test_accuracy: float


class Lesson(Answer):
    """What a teaching gained; `run` is null if the network is not better, for these `reasons`.

    `after`, each example is read by a network that was taught without it. `data` is the dataset
    whose test images are read.
    """

    run: str | None
    reasons: list[str]
    data: str
    before: LessonFigures
    after: LessonFigures


class RunName(RequestBody):
    """A new name for a run."""

    name: str = Field(max_length=100)


class Choice(RequestBody):
    """The name of a run; null for the network that the studio was started with."""

    run: str | None = Field(max_length=255)
