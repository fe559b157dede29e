"""Train, calibrate and judge the line reader; write src/mnistry/reading/lines.onnx and its card.

Lines are generated: MNIST's training images and other people's digits are written with signs and
ruled lines on paper, then scanned or photographed. As in any picture, the ink is found and each
line is cut out as a strip. There are three kinds of lines. Training lines have digits by writers 1
to 20 and of the scanned sets. Choosing lines (writers 21 to 24) decide the temperature, how much
each reader is trusted, and what becomes a `?`. Judging lines (writers 25 to 30) have other digits,
signs and layouts too, and are read once, by the finished network.

    python benchmarks/hands_data.py HANDS
    python benchmarks/line_reader.py --hands HANDS --weights FILE.weights.h5
"""

import argparse
import dataclasses
import difflib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import cv2
import hands_data
import keras
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

import mnistry
from mnistry.augmentation import hands, lines, paper
from mnistry.evaluation.statistics import wilson
from mnistry.inference import line_session, onnx_session
from mnistry.networks import line_network
from mnistry.networks.fast_layers import accelerated
from mnistry.reading import Reader, combine, line_reader
from mnistry.reading.combine import Judgement
from mnistry.reading.ink import find_ink
from mnistry.reading.line_reader import CHARACTERS, HEIGHT, Strip
from mnistry.reading.mark_reader import MarkReader
from mnistry.reading.result import Notation, Reading
from mnistry.system import files

FOLDER = Path(mnistry.__file__).parent / "reading"
ONNX, CARD = FOLDER / "lines.onnx", FOLDER / "lines.json"

# MNIST's training images, in their order, are divided among the three kinds of lines.
PARTS = {"train": slice(0, 50_000), "choose": slice(50_000, 55_000), "judge": slice(55_000, 60_000)}
WRITERS = {"train": hands.TRAIN, "choose": hands.CHOOSE, "judge": hands.JUDGE}
SEEDS = {"train": 0, "choose": 1, "judge": 2}

# Strips are padded to one of these widths in pixels; beside it stands how many make a batch.
BATCHES = {96: 64, 160: 48, 224: 32, 320: 24, 448: 16, 640: 12}
MOST_CHARACTERS = 48
# The share of training strips that are cut where the line was written, not where one was found.
PLACED = 0.15
# A line was found if its rows and a strip's overlap this far: intersection over union.
FOUND = 0.62
# Of all choosing lines at most this part may be sure and wrong: an eighth of what marks alone give.
SURE_AND_WRONG = 0.04
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)

Log = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A strip, what stands in it, and what the reader of marks reads there."""

    strip: Strip
    text: str
    by_marks: str = ""


def digits(part: str, folder: Path) -> lines.Digits:
    """Gather the digits of a part."""
    train = mnistry.load("mnist").train
    return lines.load_digits(
        folder, train.images[PARTS[part]], np.asarray(train.labels)[PARTS[part]], WRITERS[part],
        scanned=part == "train", styled=6000 if part == "train" else 0, judge=part == "judge",
    )  # fmt: skip


def examples(
    source: lines.Digits, seed: Sequence[int], *, found: bool, marks: MarkReader | None = None
) -> Iterator[Example]:
    """Generate lines without end.

    Parameters
    ----------
    found
        Yield only strips that the reader finds itself; otherwise some are cut where the line was
        written.
    marks
        If given, it reads each picture too.
    """
    random = np.random.default_rng(seed)
    while True:
        picture = paper.picture(source, random)
        ink = find_ink(picture.grey)
        strength = ink.strength
        strips = line_reader.find_strips(strength)
        strip = max(strips, key=lambda one: _shared(one, picture.rows), default=None)
        missed = strip is None or _shared(strip, picture.rows) < FOUND
        if not found and (missed or random.random() < PLACED):
            top, bottom = picture.rows
            off = random.normal(0, 0.09, 2) * (bottom - top)
            strip = line_reader.cut(strength, int(top + off[0]), int(bottom + off[1]))
        if strip is not None:
            by_marks = ""
            if marks is not None:
                read = marks.read(picture.grey, ink, picture.grey.shape).reading
                by_marks = _by_marks(read, strip, ink.scale)
            yield Example(strip, picture.text, by_marks)


def _by_marks(read: Reading, strip: Strip, scale: float) -> str:
    """Return what the mark reader reads in the lines that share half of their rows with a strip."""
    _, y, _, height = strip.box(0, 1)
    found = ""
    for i, text in enumerate(read.lines):
        boxes = [digit.box for digit in read.digits if digit.line == i]
        top, bottom = min(b[1] for b in boxes) * scale, max(b[1] + b[3] for b in boxes) * scale
        if min(y + height, bottom) - max(y, top) > 0.5 * min(height, bottom - top):
            found += text
    return found


def _shared(strip: Strip, rows: tuple[float, float]) -> float:
    _, y, _, height = strip.box(0, 1)
    top, bottom = rows
    both = min(bottom, y + height) - max(top, y)
    return float(both / (max(bottom, y + height) - min(top, y)))


def fits(example: Example) -> bool:
    """Return whether a strip has enough steps for all its characters, and is not too wide."""
    text, width = example.text, example.strip.image.shape[1]
    repeated = sum(a == b for a, b in itertools.pairwise(text))
    return len(text) + repeated <= width // 4 - 2 and width <= max(BATCHES)


class Pool:
    """A growing pool of training lines. All strips of a batch have the same width."""

    def __init__(self, source: lines.Digits, seed: int) -> None:
        self._examples = examples(source, [SEEDS["train"], seed], found=False)
        self._by_width: dict[int, list[Example]] = {width: [] for width in BATCHES}
        self._random = np.random.default_rng(seed)

    def grow(self, count: int) -> None:
        """Generate more lines."""
        for _ in range(count):
            example = next(self._examples)
            if fits(example):
                width = next(w for w in BATCHES if w >= example.strip.image.shape[1])
                self._by_width[width].append(example)

    def batch(self) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Draw a batch: strips, and labels padded with 0."""
        shares = np.array([len(found) // BATCHES[w] for w, found in self._by_width.items()], float)
        width = list(BATCHES)[self._random.choice(len(BATCHES), p=shares / shares.sum())]
        found, count = self._by_width[width], BATCHES[width]
        images = np.zeros((count, HEIGHT, width), np.uint8)
        labels = np.zeros((count, MOST_CHARACTERS), np.int32)
        for i, row in enumerate(self._random.choice(len(found), count, replace=False)):
            image = found[row].strip.image
            left = self._random.integers(0, width - image.shape[1] + 1)
            images[i, :, left : left + image.shape[1]] = self._varied(image)
            text = found[row].text
            labels[i, : len(text)] = [1 + CHARACTERS.index(character) for character in text]
        return images, labels

    def _varied(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Change the strength of the ink, and sometimes the height of the writing."""
        random = self._random
        values = np.clip(image * np.float32(random.uniform(0.75, 1.2)), 0, 255).astype(np.uint8)
        if random.random() < 0.3:
            factor = random.uniform(0.85, 1.12)
            down = HEIGHT / 2 * (1 - factor) + random.uniform(-3, 3)
            move = np.array([[1, 0, 0], [0, factor, down]])
            values = np.asarray(cv2.warpAffine(values, move, values.shape[::-1]), np.uint8)
        return values


def train(model: keras.Model, pool: Pool, steps: int, each: int, learning_rate: float) -> None:
    """Train a network by AdamW; the learning rate follows one cosine.

    Parameters
    ----------
    each
        Lines that are generated before each step.
    """
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=learning_rate, warmup_steps=min(100, steps // 4)
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.01, clipnorm=5), loss=keras.losses.CTC()
    )
    pool.grow(3000)
    started, losses = time.monotonic(), []
    with accelerated(model):
        for step in range(steps):
            pool.grow(each)
            images, labels = pool.batch()
            losses.append(float(np.asarray(model.train_on_batch(images, labels))))
            model.reset_metrics()
            if step % 100 == 99:
                print(f"{step + 1}/{steps} loss {np.mean(losses[-100:]):.3f} "
                      f"{time.monotonic() - started:.0f} s", flush=True)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """Lines that a network has read: their texts, their strips, and the network's answers."""

    texts: list[str]
    strips: list[Strip]
    by_marks: list[str]
    answers: list[Log]

    @classmethod
    def read(cls, session: Any, found: Sequence[Example]) -> "Lines":
        """Read examples."""
        strips = [example.strip for example in found]
        return cls(
            [example.text for example in found],
            strips,
            [example.by_marks for example in found],
            line_reader.read_strips(session, strips),
        )

    def cooled(self, temperature: float) -> "Lines":
        """Divide the logits by a temperature."""
        answers = []
        for answer in self.answers:
            logits = answer / np.float32(temperature)
            answers.append(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return dataclasses.replace(self, answers=answers)

    def spelled(self) -> list[list[line_reader.Character]]:
        """Return the characters of each line."""
        return [
            line_reader.spell(answer, strip.image.shape[1])
            for answer, strip in zip(self.answers, self.strips, strict=True)
        ]


def right(text: str, characters: Sequence[line_reader.Character]) -> list[bool]:
    """Align what was read with what was written, and say which characters are right."""
    said = "".join(one.text for one in characters)
    flags = [False] * len(said)
    for block in difflib.SequenceMatcher(None, text, said, autojunk=False).get_matching_blocks():
        flags[block.b : block.b + block.size] = [True] * block.size
    return flags


def temperature(found: Lines) -> float:
    """Find the temperature at which right and wrong characters have the least cross-entropy."""

    def loss(log_temperature: float) -> float:
        cooled = found.cooled(float(np.exp(log_temperature)))
        total, count = 0.0, 0
        for text, characters in zip(cooled.texts, cooled.spelled(), strict=True):
            for one, good in zip(characters, right(text, characters), strict=True):
                p = min(max(one.confidence, 1e-6), 1 - 1e-6)
                total -= np.log(p if good else 1 - p)
                count += 1
        return total / count

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-0.7, 1.1), method="bounded").x))


def vote(source: lines.Digits, session: Any, marks: MarkReader, count: int) -> tuple[float, ...]:
    """Weigh both readers' answers for single digits: the least cross-entropy of both."""
    random = np.random.default_rng([SEEDS["choose"], 1])
    by_line, by_marks, labels = [], [], []
    for number in range(count):
        layout = lines.Layout((lines.Part(str(number % 10)),))
        written = lines.write(layout, source, float(random.uniform(20, 110)), random)
        picture = paper.photograph(written, layout, random)
        ink = find_ink(picture.grey)
        strips = line_reader.find_strips(ink.strength)
        answers = line_reader.read_strips(session, strips)
        found = marks.read(picture.grey, ink, picture.grey.shape)
        if len(answers) == len(found.reading.digits) == 1:
            columns = strips[0].image.shape[1]
            spelled = line_reader.spell(answers[0], columns)
            if len(spelled) != 1:
                continue
            by_line.append(line_reader.digit_probabilities(answers[0], spelled, columns)[0])
            by_marks.append(found.probabilities[0])
            labels.append(number % 10)
    line, digit = (np.log(np.maximum(np.array(a), 1e-6)) for a in (by_line, by_marks))

    def both(weights: Sequence[float]) -> NDArray[np.float64]:
        logs = weights[0] * digit + weights[1] * line
        return np.asarray(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))

    def loss(weights: Sequence[float]) -> float:
        return -float(both(weights)[np.arange(len(labels)), labels].mean())

    best = optimize.minimize(loss, [1.0, 1.0]).x.tolist()
    right = [np.mean(both(weights).argmax(1) == labels) for weights in ((1.0, 0.0), best)]
    print(f"{len(labels)} single digits: right {right[0]:.4f} by marks, {right[1]:.4f} by both")
    return tuple(best)


def judgement(found: Lines, digit_session: Any, vote: tuple[float, ...]) -> Judgement:
    """Fit, on the choosing lines, how much each reader is trusted."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    answers: list[NDArray[np.float32]] = []
    # For each line in which the mark reader found one digit alone: the line reader's second surest
    # confidence (0 if it found no second character), and whether something else is written.
    others: list[tuple[float, bool]] = []
    for text, strip, by_marks, characters in zip(
        found.texts, found.strips, found.by_marks, found.spelled(), strict=True
    ):
        written = text.replace(" ", "")
        if len(by_marks) == 1 and by_marks.isdigit():
            sure = [0.0, 0.0, *sorted(one.confidence for one in characters if one.text != " ")]
            others.append((sure[-2], written != by_marks))
        flags = right(text, characters)
        images, _ = combine.cut_out(strip, characters)
        answers.append(onnx_session.probabilities(digit_session, images))
        seen = iter(answers[-1])
        for one, good in zip(characters, flags, strict=True):
            odds = combine.log_odds(one.confidence)
            other = None if one.text == " " else next(seen)
            if other is not None and one.text.isdigit():
                is_agreed = int(other.argmax()) == int(one.text)
                second = float(np.log(max(float(other[int(one.text)]), 1e-6)))
                rows.setdefault("agreed" if is_agreed else "opposed", []).append(
                    (odds, second, good)
                )
            elif one.text in "-+.,/:":
                rows.setdefault(one.text, []).append((odds, good))
    signs = {sign: _regression(rows[sign]) for sign in "-+.,/:"}
    for group, counted in rows.items():
        print(f"{group}: {sum(bool(row[-1]) for row in counted)} of {len(counted)} right")
    print(f"one sure mark: {sum(more for _, more in others)} of {len(others)} are more than one")
    agreed, opposed = _regression(rows["agreed"]), _regression(rows["opposed"])
    how = Judgement(agreed, opposed, vote, signs, _least(others), hidden=1.0, sure=0.0)
    return _with_thresholds(how, found, answers)


def _regression(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Find a logistic regression's weights, the constant first; no weight is negative."""
    table = np.array(rows, float)
    x, y = np.column_stack([np.ones(len(table)), table[:, :-1]]), table[:, -1]

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x @ weights
        p = 1 / (1 + np.exp(-z))
        value = np.logaddexp(0, np.where(y > 0, -z, z)).sum() + 0.05 * (weights**2).sum()
        return value, x.T @ (p - y) + 0.1 * weights

    bounds = [(None, None), *[(0, None)] * (x.shape[1] - 1)]
    start = np.array([0.0, *[0.5] * (x.shape[1] - 1)])
    best = optimize.minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return tuple(float(weight) for weight in best)


def _least(counted: Sequence[tuple[float, bool]]) -> float:
    """Choose the least probability at which something is taken for true: the fewest mistakes."""
    table = np.array(counted, float)
    steps = np.unique(table[table[:, 0] > 0, 0]).tolist()
    mistakes = [int(((table[:, 0] >= step) != table[:, 1]).sum()) for step in [*steps, 1.0]]
    return [*steps, 1.0][int(np.argmin(mistakes))]


def _with_thresholds(
    how: Judgement, found: Lines, answers: Sequence[NDArray[np.float32]]
) -> Judgement:
    """Choose the thresholds with which most lines are exact while few are sure and wrong."""
    seen = []
    for text, strip, steps, characters, digits in zip(
        found.texts, found.strips, found.answers, found.spelled(), answers, strict=True
    ):
        gaps = line_reader.hidden(steps, characters, strip.image.shape[1])
        judged = combine.judged(characters, digits, how)
        unsurest = min((one.confidence for one in judged if one.text not in "? "), default=1.0)
        said, written = ("".join(t).replace(" ", "") for t in ((c.text for c in characters), text))
        seen.append((unsurest, max(gaps), "?" in said, said == written))
    least, gap, is_marked, is_right = np.array(seen, float).T
    best = (-1, 0.0, 0.0)
    for sure, hidden in itertools.product(THRESHOLDS, 1 - np.array(THRESHOLDS)):
        stated = (least >= sure) & (gap < hidden)
        exact = int((stated & (is_right > 0)).sum())
        wrong = int((stated & (is_marked == 0) & (is_right == 0)).sum())
        print(f"sure {sure:.4f}, hidden {hidden:.4f}: {exact} exact, {wrong} sure and wrong")
        if wrong <= SURE_AND_WRONG * len(seen):
            best = max(best, (exact, sure, hidden))
    return dataclasses.replace(how, sure=best[1], hidden=best[2])


@dataclasses.dataclass(frozen=True)
class Score:
    """How many lines were read exactly, and how many wrongly without a `?`; 95 % intervals."""

    lines: int
    exact: int
    sure_and_wrong: int
    exact_interval: tuple[float, float]
    sure_and_wrong_interval: tuple[float, float]

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]]) -> "Score":
        """Compare what was written with what was read."""
        exact = sum(text == said for text, said in pairs)
        wrong = sum(text != said and "?" not in said and said != "" for text, said in pairs)
        count = len(pairs)
        return cls(count, exact, wrong, wilson(exact, count), wilson(wrong, count))


def judged(
    source: lines.Digits, count: int, reader: Callable[[NDArray[np.uint8]], str]
) -> dict[str, Score]:
    """Read generated pictures; score all, and each kind of surroundings. Spaces do not count."""
    random = np.random.default_rng(SEEDS["judge"])
    pairs: dict[str, list[tuple[str, str]]] = {"all": []}
    for _ in range(count):
        picture = paper.picture(source, random)
        pair = (picture.text.replace(" ", ""), reader(picture.grey).replace(" ", ""))
        pairs["all"].append(pair)
        pairs.setdefault(picture.kind, []).append(pair)
    return {kind: Score.of(some) for kind, some in sorted(pairs.items())}


@dataclasses.dataclass(frozen=True)
class SameMistakes:
    """Of the digits that one reader gets wrong, how many the other reads as the same wrong digit.

    Counted are places where a digit is written and the line reader reads a digit, right or wrong.
    The digit network reads the image that is cut out there.
    """

    line_reader_wrong: int
    digit_network_the_same: int
    digit_network_wrong: int
    line_reader_the_same: int

    @classmethod
    def of(cls, found: Lines, digit_session: Any) -> "SameMistakes":
        """Compare both on lines."""
        counts = np.zeros(4, int)
        for text, strip, characters in zip(found.texts, found.strips, found.spelled(), strict=True):
            said = "".join(one.text for one in characters)
            places = np.cumsum([one.text != " " for one in characters]) - 1
            images, _ = combine.cut_out(strip, characters)
            answers = onnx_session.probabilities(digit_session, images).argmax(1)
            for true, at in _aligned(text, said):
                if text[true].isdigit() and said[at].isdigit():
                    line, digit = said[at], str(answers[places[at]])
                    line_wrong, digit_wrong = line != text[true], digit != text[true]
                    same = line_wrong and line == digit
                    counts += [line_wrong, same, digit_wrong, same]
        return cls(*counts.tolist())


def _aligned(text: str, said: str) -> Iterator[tuple[int, int]]:
    """Pair the places of what was written and read, where as much was read as was written."""
    matcher = difflib.SequenceMatcher(None, text, said, autojunk=False)
    for operation, i, j, a, b in matcher.get_opcodes():
        if operation == "equal" or (operation == "replace" and j - i == b - a):
            yield from zip(range(i, j), range(a, b), strict=True)


@dataclasses.dataclass(frozen=True)
class HandScores:
    """How digits of the six judging writers are read; a ``?`` counts as wrong.

    Attributes
    ----------
    right, sure_and_wrong
        Of all digits, each drawn once with a pen of its own, 110 pixels high.
    right_by_writer
        The share of each writer's digits.
    """

    digits: int
    right: int
    sure_and_wrong: int
    right_interval: tuple[float, float]
    sure_and_wrong_interval: tuple[float, float]
    right_by_writer: dict[int, float]

    @classmethod
    def of(cls, folder: Path, reader: Reader) -> "HandScores":
        """Read them."""
        written = hands.load_pen_digits(folder, hands.JUDGE)
        images = hands.as_images(written, np.random.default_rng(SEEDS["judge"]), high=110)
        said = [reader.read(255 - image).text for image in images]
        right = np.array([text == str(one.digit) for text, one in zip(said, written, strict=True)])
        wrong = ~right & np.array(["?" not in text and text != "" for text in said])
        writers = np.array([one.writer for one in written])
        by_writer = {int(w): float(right[writers == w].mean()) for w in np.unique(writers)}
        count, good, bad = len(written), int(right.sum()), int(wrong.sum())
        return cls(count, good, bad, wilson(good, count), wilson(bad, count), by_writer)


def calibrated(
    model: keras.Model, source: lines.Digits, count: int, digit_session: Any, marks: MarkReader
) -> dict[str, Any]:
    """Write the network that ships, calibrated on choosing lines, and return its card."""
    choosing = examples(source, [SEEDS["choose"]], found=True, marks=marks)
    found = list(itertools.islice(choosing, count))
    content = line_network.to_onnx(model).SerializeToString()
    seen = Lines.read(_session(content), found)
    cooled = temperature(seen)
    proto = line_network.to_onnx(model, cooled)
    hands_data.name_in(proto)
    content = proto.SerializeToString()
    ONNX.write_bytes(content)
    return {
        "name": "lines",
        "file": {"name": ONNX.name, "bytes": len(content), "sha256": files.sha256(ONNX)},
        "parameters": int(model.count_params()),
        "data": hands_data.DATA,
        "licence": hands_data.LICENCE,
        "versions": {"mnistry": mnistry.__version__, "keras": keras.__version__},
        "temperature": cooled,
        "judgement": dataclasses.asdict(
            judgement(
                seen.cooled(cooled), digit_session, vote(source, _session(content), marks, count)
            )
        ),
    }


def _session(content: bytes) -> Any:
    return line_session.open_session(content, 1 + len(CHARACTERS), threads=1)


def main() -> None:
    """Train, calibrate, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hands", type=Path, required=True, help="what hands_data.py wrote")
    parser.add_argument(
        "--weights", type=Path, required=True, help="where to keep the weights; training goes on"
    )
    parser.add_argument("--steps", type=int, default=10_000, help="0: only calibrate and judge")
    parser.add_argument("--each", type=int, default=6, help="lines generated before each step")
    parser.add_argument("--learning-rate", type=float, default=0.0015)
    parser.add_argument("--seed", type=int, default=0, help="of the training lines")
    parser.add_argument("--choosing", type=int, default=4000)
    parser.add_argument("--judging", type=int, default=2000)
    arguments = parser.parse_args()
    model = line_network.build(1 + len(CHARACTERS))
    if arguments.weights.exists():
        model.load_weights(arguments.weights)
    if arguments.steps:
        pool = Pool(digits("train", arguments.hands), arguments.seed)
        train(model, pool, arguments.steps, arguments.each, arguments.learning_rate)
        model.save_weights(arguments.weights)

    digit_session = onnx_session.open_session(FOLDER / "digits.onnx", threads=1)
    digit_card = json.loads((FOLDER / "digits.json").read_text("utf-8"))
    least = digit_card["threshold"], digit_card["threshold_unformed"]
    marks = MarkReader(digit_session, *least, Notation())
    source = digits("choose", arguments.hands)
    card = calibrated(model, source, arguments.choosing, digit_session, marks)
    files.write_json(CARD, card)

    source = digits("judge", arguments.hands)
    reader = Reader(threads=1)

    def by_both(grey: NDArray[np.uint8]) -> str:
        return "".join(reader.read(grey).lines)

    def by_marks(grey: NDArray[np.uint8]) -> str:
        return "".join(marks.read(grey, find_ink(grey), grey.shape).reading.lines)

    scores = {
        "both readers": judged(source, arguments.judging, by_both),
        "marks alone": judged(source, arguments.judging, by_marks),
    }
    judging = examples(source, [SEEDS["judge"], 1], found=True)
    seen = Lines.read(
        _session(ONNX.read_bytes()), list(itertools.islice(judging, arguments.judging))
    )
    card |= {
        "judging lines": _plain(scores),
        "single digits": dataclasses.asdict(HandScores.of(arguments.hands, reader)),
        "mistakes": dataclasses.asdict(SameMistakes.of(seen, digit_session)),
    }
    files.write_json(CARD, card)
    print(CARD.read_text())


def _plain(scores: dict[str, dict[str, Score]]) -> dict[str, Any]:
    return {
        name: {kind: dataclasses.asdict(score) for kind, score in kinds.items()}
        for name, kinds in scores.items()
    }


if __name__ == "__main__":
    main()
