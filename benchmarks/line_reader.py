"""Train, calibrate and judge the line reader; write src/mnistry/reading/lines.onnx and its card.

Lines are generated: MNIST's training images and other people's digits are written with signs and
ruled lines on paper, then scanned or photographed. As in any picture, the ink is found and each
line is cut out as a strip. There are three kinds of lines. Training lines have digits by writers 1
to 20 and of the scanned sets. Choosing lines (writers 21 to 24) decide the temperature, how much
each reader is trusted, and what becomes a `?`. Judging lines (writers 25 to 30) have other digits,
signs and layouts too, and are read once, by the finished network.

    python benchmarks/line_reader.py --hands FOLDER
"""

import argparse
import dataclasses
import difflib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import cv2
import keras
import numpy as np
import onnx
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
from mnistry.system import files

FOLDER = Path(mnistry.__file__).parent / "reading"
ONNX, CARD = FOLDER / "lines.onnx", FOLDER / "lines.json"

DATA = {
    "MNIST": "training images, by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, "
    "CC BY-SA 3.0",
    "pendigits": "writers 1 to 20, by E. Alpaydin and F. Alimoglu, UCI 81, CC BY 4.0",
    "optdigits": "by E. Alpaydin and C. Kaynak, UCI 80, CC BY 4.0",
    "semeion": "by Tactile Srl, Brescia, UCI 178, CC BY 4.0",
}
LICENCE = "CC BY-SA 3.0"

# MNIST's training images, in their order, are divided among the three kinds of lines.
PARTS = {"train": slice(0, 50_000), "choose": slice(50_000, 55_000), "judge": slice(55_000, 60_000)}
WRITERS = {"train": hands.TRAIN, "choose": hands.CHOOSE, "judge": hands.JUDGE}
SEEDS = {"train": 0, "choose": 1, "judge": 2}

# Strips are padded to one of these widths; beside it is the size of its batches.
BATCHES = {96: 64, 160: 48, 224: 32, 320: 24, 448: 16, 640: 12}
MOST_CHARACTERS = 48
# The share of training strips that are cut where the line was written, not where one was found.
PLACED = 0.15
# A line was found if its rows and a strip's overlap this far: intersection over union.
FOUND = 0.62
SURE = 0.999

Log = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A strip, and what stands in it."""

    strip: Strip
    text: str


def digits(part: str, folder: Path) -> lines.Digits:
    """Gather the digits of a part."""
    train = mnistry.load("mnist").train
    return lines.load_digits(
        folder, train.images[PARTS[part]], np.asarray(train.labels)[PARTS[part]], WRITERS[part],
        scanned=part == "train", styled=6000 if part == "train" else 0, judge=part == "judge",
    )  # fmt: skip


def examples(source: lines.Digits, seed: Sequence[int], *, found: bool) -> Iterator[Example]:
    """Generate lines without end.

    Parameters
    ----------
    found
        Yield only strips that the reader finds itself; otherwise some are cut where the line was
        written.
    """
    random = np.random.default_rng(seed)
    while True:
        picture = paper.picture(source, random)
        strength = find_ink(picture.grey).strength
        strips = line_reader.find_strips(strength)
        strip = max(strips, key=lambda one: _shared(one, picture.rows), default=None)
        missed = strip is None or _shared(strip, picture.rows) < FOUND
        if not found and (missed or random.random() < PLACED):
            top, bottom = picture.rows
            off = random.normal(0, 0.09, 2) * (bottom - top)
            strip = line_reader.cut(strength, int(top + off[0]), int(bottom + off[1]))
        if strip is not None:
            yield Example(strip, picture.text)


def _shared(strip: Strip, rows: tuple[float, float]) -> float:
    _, y, _, height = strip.box(0, 1)
    top, bottom = rows
    both = min(bottom, y + height) - max(top, y)
    return both / (max(bottom, y + height) - min(top, y))


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


def train(pool: Pool, steps: int, each: int, learning_rate: float) -> keras.Model:
    """Train a network by AdamW; the learning rate follows one cosine.

    Parameters
    ----------
    each
        Lines that are generated before each step.
    """
    model = line_network.build(1 + len(CHARACTERS))
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
    return model


@dataclasses.dataclass(frozen=True, eq=False)
class Lines:
    """Lines that a network has read: their texts, their strips, and the network's answers."""

    texts: list[str]
    strips: list[Strip]
    answers: list[Log]

    @classmethod
    def read(cls, session: Any, found: Sequence[Example]) -> "Lines":
        """Read examples."""
        strips = [example.strip for example in found]
        return cls(
            [example.text for example in found], strips, line_reader.read_strips(session, strips)
        )

    def cooled(self, temperature: float) -> "Lines":
        """Divide the logits by a temperature."""
        answers = []
        for answer in self.answers:
            logits = answer / np.float32(temperature)
            answers.append(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return Lines(self.texts, self.strips, answers)

    def spelled(self) -> list[list[line_reader.Character]]:
        """Return the characters of each line."""
        return [
            line_reader.spell(answer, strip.image.shape[1])
            for answer, strip in zip(self.answers, self.strips, strict=True)
        ]


def right(text: str, characters: Sequence[line_reader.Character]) -> tuple[list[bool], list[bool]]:
    """Align what was read with what was written.

    Returns
    -------
    tuple
        Whether each character is right; and whether one is missing before each and at the end.
    """
    said = "".join(one.text for one in characters)
    flags, missing = [False] * len(said), [False] * (len(said) + 1)
    matcher = difflib.SequenceMatcher(None, text, said, autojunk=False)
    for operation, i, j, a, b in matcher.get_opcodes():
        if operation == "equal":
            flags[a:b] = [True] * (b - a)
        elif j - i > b - a and text[i:j].strip():
            missing[b] = True
    return flags, missing


def temperature(found: Lines) -> float:
    """Find the temperature at which right and wrong characters have the least cross-entropy."""

    def loss(log_temperature: float) -> float:
        cooled = found.cooled(float(np.exp(log_temperature)))
        total, count = 0.0, 0
        for text, characters in zip(cooled.texts, cooled.spelled(), strict=True):
            for one, good in zip(characters, right(text, characters)[0], strict=True):
                p = min(max(one.confidence, 1e-6), 1 - 1e-6)
                total -= np.log(p if good else 1 - p)
                count += 1
        return total / count

    return float(np.exp(optimize.minimize_scalar(loss, bounds=(-0.7, 1.1), method="bounded").x))


def judgement(found: Lines, digit_session: Any) -> Judgement:
    """Fit, on the choosing lines, how much each reader is trusted."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    gaps: list[tuple[float, bool]] = []
    for text, strip, answer, characters in zip(
        found.texts, found.strips, found.answers, found.spelled(), strict=True
    ):
        flags, missing = right(text, characters)
        gaps += zip(
            line_reader.hidden(answer, characters, strip.image.shape[1]), missing, strict=True
        )
        images = combine.forms(strip, characters)
        seen = iter(onnx_session.probabilities(digit_session, images))
        for one, good in zip(characters, flags, strict=True):
            odds = combine.log_odds(one.confidence)
            if one.text.isdigit():
                other = next(seen)
                agreed = int(other.argmax()) == int(one.text)
                second = float(np.log(max(float(other[int(one.text)]), 1e-6)))
                rows.setdefault("agreed" if agreed else "opposed", []).append((odds, second, good))
            elif one.text in "-+.,/:":
                rows.setdefault(one.text, []).append((odds, good))
    signs = {sign: _regression(rows[sign]) for sign in "-+.,/:"}
    return Judgement(
        _regression(rows["agreed"]), _regression(rows["opposed"]), signs, _gap(gaps), SURE
    )  # type: ignore[arg-type]


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


def _gap(gaps: Sequence[tuple[float, bool]]) -> float:
    """Choose the probability from which a gap becomes a `?`; a miss costs 100 needless ones."""
    order = sorted(gaps, reverse=True)
    missed, needless, best = sum(miss for _, miss in order), 0, (np.inf, 1.0)
    for probability, miss in order:
        missed -= miss
        needless += not miss
        best = min(best, (100 * missed + needless, probability))
    return float(best[1])


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


def both(
    line_session: Any, digit_session: Any, how: Judgement
) -> Callable[[NDArray[np.uint8]], str]:
    """Return a function that reads a picture with both readers."""

    def read(grey: NDArray[np.uint8]) -> str:
        found = combine.read_lines(
            find_ink(grey).strength, line_session,
            lambda images: onnx_session.probabilities(digit_session, images), how,
        )  # fmt: skip
        return "".join(line.text for line in found)

    return read


def main() -> None:
    """Train, calibrate, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hands", type=Path, required=True, help="what hands_data.py wrote")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--each", type=int, default=20, help="lines generated before each step")
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--weights", type=Path, help="load these instead of training")
    parser.add_argument("--choosing", type=int, default=4000)
    parser.add_argument("--judging", type=int, default=2000)
    parser.add_argument("--output", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    if arguments.weights:
        model = line_network.build(1 + len(CHARACTERS))
        model.load_weights(arguments.weights)
    else:
        pool = Pool(digits("train", arguments.hands), 0)
        model = train(pool, arguments.steps, arguments.each, arguments.learning_rate)
    path = arguments.output / ONNX.name
    content = line_network.to_onnx(model).SerializeToString()
    classes = 1 + len(CHARACTERS)
    choosing = examples(digits("choose", arguments.hands), [SEEDS["choose"]], found=True)
    seen = Lines.read(
        line_session.open_session(content, classes, threads=1),
        list(itertools.islice(choosing, arguments.choosing)),
    )
    cooled = temperature(seen)
    proto = line_network.to_onnx(model, cooled)
    onnx.helper.set_model_props(proto, {"data": "; ".join(DATA.values()), "licence": LICENCE})
    content = proto.SerializeToString()
    path.write_bytes(content)
    digit_session = onnx_session.open_session(FOLDER / "digits.onnx", threads=1)
    how = judgement(seen.cooled(cooled), digit_session)
    card = {
        "name": "lines",
        "file": {"name": path.name, "bytes": len(content), "sha256": files.sha256(path)},
        "parameters": int(model.count_params()),
        "data": DATA,
        "licence": LICENCE,
        "versions": {"mnistry": mnistry.__version__, "keras": keras.__version__},
        "temperature": cooled,
        "judgement": dataclasses.asdict(how),
    }
    files.write_json(arguments.output / CARD.name, card)
    source = digits("judge", arguments.hands)
    session = line_session.open_session(content, classes, threads=1)
    today = Reader(threads=1)
    scores = {
        "line reader and digits": judged(
            source, arguments.judging, both(session, digit_session, how)
        ),
        "marks alone": judged(
            source, arguments.judging, lambda grey: "".join(today.read(grey).lines)
        ),
    }
    files.write_json(arguments.output / CARD.name, card | {"judging lines": _plain(scores)})
    print((arguments.output / CARD.name).read_text())


def _plain(scores: dict[str, dict[str, Score]]) -> dict[str, Any]:
    return {
        name: {kind: dataclasses.asdict(score) for kind, score in kinds.items()}
        for name, kinds in scores.items()
    }


if __name__ == "__main__":
    main()
