"""How many fields of filled forms are read, how many are wrong although they are called ok.

Sheets are generated: a form's pages are drawn, its boxes are filled by one writer a sheet, with
MNIST's test digits by default, and the sheet is scanned or photographed. The text of each field is
known. `--digits hands` takes six pen writers whom no network was trained on. `--real FOLDER` reads
a real sheet: FORM.toml, its scan, and a JSON of what a person reads.

    python benchmarks/forms.py --sheets 40
    python benchmarks/forms.py --sheets 40 --digits hands --hands FOLDER
    python benchmarks/forms.py --real FOLDER
    python benchmarks/forms.py --calibrate 6000 --hands FOLDER
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import optimize

import mnistry
from mnistry import Reader
from mnistry.augmentation import hands
from mnistry.datasets.dataset import Images, Labels
from mnistry.evaluation.statistics import wilson
from mnistry.forms import characters, loading, reading, rules
from mnistry.forms.definition import Field, Form
from mnistry.forms.ink import FieldInk
from mnistry.forms.layout import PageLayout
from mnistry.forms.reading import FormReader
from mnistry.forms.rules import Key
from mnistry.images import decode
from mnistry.images.mnist_form import normalise
from mnistry.reading import line_reader
from mnistry.reading.ink_reader import Networks

# Pixels of the drawn sheet for each millimetre.
SCALE = 12
# The training images on which it was chosen how sure an answer must be to be called ok.
CHOOSE = slice(50_000, 55_000)
Random = np.random.Generator
Grey = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheet:
    """A filled sheet: its picture, and what each field says."""

    grey: Grey
    truth: dict[Key, Any]


def draw_value(entry: Field, random: Random) -> tuple[str, Any]:
    """Choose what is written in a field, with a space for a blank cell; and its value."""
    if random.random() < 0.08:
        return "", None
    length = entry.length or 4
    if entry.type == "digits":
        text = "".join(map(str, random.integers(0, 10, length)))
        return text, text
    if entry.type == "integer":
        used = int(random.integers(1, length + 1))
        number = int(random.integers(10 ** (used - 1) if used > 1 else 0, 10**used))
        at = int(random.integers(0, length - len(str(number)) + 1))
        return (" " * at + str(number)).ljust(length), number
    if entry.type == "decimal":
        whole = int(random.integers(0, 10 ** (length - entry.decimals)))
        part = "".join(map(str, random.integers(0, 10, entry.decimals)))
        return str(whole).rjust(length - entry.decimals) + part, Decimal(f"{whole}.{part}")
    if entry.type == "date":
        year, month, day = (
            random.integers(1950, 2030),
            random.integers(1, 13),
            random.integers(1, 29),
        )
        parts = {"Y": f"{year:04d}", "M": f"{month:02d}", "D": f"{day:02d}"}
        text = "".join(parts[part[0]] for part in entry.parts if part[0] in parts)
        return text, f"{year:04d}-{month:02d}-{day:02d}"
    hour, minute = random.integers(0, 24), random.integers(0, 60)
    return f"{hour:02d}{minute:02d}", f"{hour:02d}:{minute:02d}"


# Images of each digit, 0 to 9.
Hand = Sequence[Sequence[Grey]]


def by_digit(images: Images, labels: Labels) -> Hand:
    """Sort images by what they show."""
    return [images[np.asarray(labels) == digit] for digit in range(10)]


class Hands:
    """The hands that write sheets: MNIST's digits, or those of pen writers, one a sheet."""

    def __init__(
        self, name: str, folder: Path | None, writers: Sequence[int] = hands.JUDGE
    ) -> None:
        self._drawn: list[hands.PenDigit] = []
        self._writers = writers
        if name == "hands":
            if folder is None:
                raise SystemExit("--digits hands needs --hands FOLDER")
            self._drawn = hands.load_pen_digits(folder, writers)
            return
        (x_train, y_train), (x_test, y_test) = mnistry.load("mnist")
        images = (x_test, y_test) if name == "test" else (x_train[CHOOSE], y_train[CHOOSE])
        self._one = by_digit(*images)

    def hand(self, sheet: int, random: Random) -> Hand:
        """Return the digits of one writer, eight of each drawn with a pen."""
        if not self._drawn:
            return self._one
        writer = self._writers[sheet % len(self._writers)]
        own = [one for one in self._drawn if one.writer == writer]
        random.shuffle(own)
        each = [[one for one in own if one.digit == digit][:8] for digit in range(10)]
        return [hands.as_images(some, random) for some in each]


class Writer:
    """One pen, and images of each digit; the pen decides how dark they are, and not how wide."""

    def __init__(self, digits: Hand, random: Random) -> None:
        self._digits, self._random = digits, random
        self._height = random.uniform(4.5, 6.5)
        self.strength = float(random.choice([random.uniform(0.08, 0.3), random.uniform(0.4, 0.95)]))

    def write(self, ink: NDArray[np.float32], digit: str, middle: tuple[float, float]) -> None:
        """Write a digit with its middle at a point, in millimetres."""
        images = self._digits[int(digit)]
        image = images[self._random.integers(len(images))]
        rows, columns = np.flatnonzero(image.max(1)), np.flatnonzero(image.max(0))
        part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        factor = self._height * self._random.uniform(0.9, 1.1) * SCALE / max(part.shape)
        size = [max(2, round(side * factor)) for side in part.shape[::-1]]
        large = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC) / np.float32(255)
        x, y = (round(at * SCALE - side / 2) for at, side in zip(middle, size, strict=True))
        area = ink[max(y, 0) : y + size[1], max(x, 0) : x + size[0]]
        np.maximum(area, large[: area.shape[0], : area.shape[1]] * self.strength, out=area)


def fill(blank: Grey, page: PageLayout, writer: Writer, random: Random) -> Sheet:
    """Fill a page's boxes; `blank` has `SCALE` pixels for each millimetre."""
    ink = np.zeros(blank.shape, np.float32)
    truth: dict[Key, Any] = {}
    for place in page.places:
        entry, at = place.field, reading.key_of(place)
        if entry.type == "text":
            continue
        if entry.type in ("tick", "choice"):
            chosen = int(random.integers(-1, len(place.boxes)))
            for number, box in enumerate(place.boxes):
                if number == chosen:
                    tick(ink, box, writer.strength, random)
            options = entry.options
            truth[at] = (
                chosen == 0 if entry.type == "tick" else options[chosen] if chosen >= 0 else None
            )
            continue
        text, truth[at] = draw_value(entry, random)
        for character, box in zip(text, place.boxes, strict=False):
            if character != " ":
                spread = random.normal(0, 0.35, 2)
                middle = box.x + box.width / 2 + spread[0], box.y + box.height / 2 + spread[1]
                writer.write(ink, character, middle)
    return Sheet(np.asarray(np.rint(blank * (1 - ink)), np.uint8), truth)


def tick(ink: NDArray[np.float32], box: Any, strength: float, random: Random) -> None:
    """Draw a cross or a tick in a box."""
    size = box.width * random.uniform(0.5, 1.2)
    x, y = box.x + box.width / 2 + random.normal(0, 0.4), box.y + box.height / 2
    crossed = [[(-1, -1), (1, 1)], [(-1, 1), (1, -1)]]
    strokes = crossed if random.random() < 0.6 else [[(-0.8, 0), (-0.2, 0.8), (1, -1)]]
    for stroke in strokes:
        points = np.array(stroke) * size / 2 + (x, y) + random.normal(0, 0.15, (len(stroke), 2))
        cv2.polylines(
            ink, [np.rint(points * SCALE).astype(np.int32)], False, strength, 5, cv2.LINE_AA
        )


def scan(grey: Grey, random: Random) -> Grey:
    """Scan a sheet: skewed, scaled, at 150 to 300 dpi."""
    dpi = float(random.choice([150, 200, 300]))
    factor = dpi / 25.4 / SCALE * random.uniform(0.97, 1.03)
    angle = random.normal(0, 1.2)
    rows, columns = grey.shape
    size = round(columns * factor * 1.02), round(rows * factor * 1.02)
    move = cv2.getRotationMatrix2D((columns / 2, rows / 2), angle, factor)
    move[:, 2] += np.array(size) / 2 - (columns / 2, rows / 2) + random.normal(0, 3, 2)
    soft = cv2.GaussianBlur(grey, (0, 0), 0.4 / factor)
    seen = cv2.warpAffine(soft, move, size, flags=cv2.INTER_AREA, borderValue=250).astype(float)
    seen = (
        12
        + seen * random.uniform(0.88, 0.95)
        + random.normal(0, random.uniform(0.5, 3), seen.shape)
    )
    return compressed(turned(seen, random), random)


def photograph(grey: Grey, random: Random) -> Grey:
    """Photograph a sheet with 12 megapixels: from aside, curled, in uneven light."""
    rows, columns = grey.shape
    height, width = 4032, 3024
    margin = random.uniform(0.03, 0.1)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    goal = (margin + (1 - 2 * margin) * corners + random.normal(0, 0.015, (4, 2))) * (width, height)
    ratio = np.array([columns, rows])
    homography = cv2.getPerspectiveTransform(
        goal.astype(np.float32), (corners * ratio).astype(np.float32)
    )
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    across = homography[0, 0] * x + homography[0, 1] * y + homography[0, 2]
    down = homography[1, 0] * x + homography[1, 1] * y + homography[1, 2]
    deep = homography[2, 0] * x + homography[2, 1] * y + homography[2, 2]
    u, v = across / deep, down / deep
    bend = random.uniform(0, 1.2) * SCALE
    u += bend * np.sin(np.pi * v / rows + random.uniform(0, 3))
    v += bend * np.sin(np.pi * u / columns + random.uniform(0, 3))
    seen = cv2.remap(
        grey, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderValue=90
    ).astype(np.float32)
    seen = cv2.GaussianBlur(seen, (0, 0), random.uniform(0.6, 1.6))
    light = 1 - random.uniform(0, 0.35) * np.abs(x / width - random.uniform(0, 1))
    light *= 1 - random.uniform(0, 0.35) * np.abs(y / height - random.uniform(0, 1))
    seen = seen * light * random.uniform(0.7, 0.95)
    seen += random.normal(0, random.uniform(1, 4), seen.shape).astype(np.float32)
    return compressed(turned(seen, random), random)


def turned(seen: NDArray[Any], random: Random) -> NDArray[Any]:
    """Turn a picture upside down or on its side, sometimes."""
    return np.rot90(seen, int(random.choice([0, 0, 0, 1, 2, 3])))


def compressed(seen: NDArray[Any], random: Random) -> Grey:
    """Store a picture as JPEG and open it again."""
    grey = np.clip(seen, 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(60, 95))])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def generated(form_reader: FormReader, writers: Hands, sheets: int, seed: int) -> None:
    """Read generated sheets and print what was right."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    spent = []
    blanks = form_reader.blanks
    for number in range(sheets):
        random = np.random.default_rng([seed, number])
        index = number % len(blanks)
        writer = Writer(writers.hand(number, random), random)
        blank = cv2.resize(
            blanks[index].grey,
            (round(blanks[index].width * SCALE), round(blanks[index].height * SCALE)),
            interpolation=cv2.INTER_AREA,
        )
        sheet = fill(np.asarray(blank, np.uint8), form_reader.layout.pages[index], writer, random)
        is_photo = bool(random.random() < 0.5)
        seen = photograph(sheet.grey, random) if is_photo else scan(sheet.grey, random)
        start = time.process_time()
        found = form_reader.read(seen)
        spent.append(time.process_time() - start)
        if found.page != index + 1:
            counts["sheets not placed" if found.page is None else "sheets wrongly placed"] += 1
            continue
        counts["sheets placed"] += 1
        score(form_reader.form, found.answers, sheet.truth, counts, wrong, f"sheet {number}")
    report(counts, wrong, spent)


def score(
    form: Form, answers: Mapping[Key, Any], truth: Mapping[Key, Any],
    counts: Counter[str], wrong: list[str], where: str,
) -> None:  # fmt: skip
    """Count what was right, after the form's rules."""
    for at, answer in rules.check(form, answers).answers.items():
        if at not in truth:
            continue
        value = float(answer.value) if isinstance(answer.value, Decimal) else answer.value
        expected = float(truth[at]) if isinstance(truth[at], Decimal) else truth[at]
        kind = "tick" if isinstance(expected, bool) else "field"
        counts[f"{kind}s"] += 1
        counts[f"{kind}s right"] += value == expected
        counts[f"{kind}s to check"] += answer.status == "check"
        for one in (answer.why or "").split("; ") if answer.status == "check" else ():
            counts[f"why: {one}"] += 1
        if answer.status != "check" and value != expected:
            counts[f"{kind}s wrong and ok"] += 1
            wrong.append(f"{where} {at}: {expected}, read {answer.text!r} {answer.confidence:.4f}")


def report(counts: Mapping[str, int], wrong: Sequence[str], spent: Sequence[float]) -> None:
    """Print the counts, with intervals of 95 %."""
    for name, count in sorted(counts.items()):
        print(f"{name:45} {count:7,}")
    for kind in ("field", "tick"):
        total = counts.get(f"{kind}s", 0)
        sure = total - counts.get(f"{kind}s to check", 0)
        if sure:
            wrong_ones = counts.get(f"{kind}s wrong and ok", 0)
            low, high = wilson(wrong_ones, sure)
            print(f"{kind}s wrong among ok: {1e4 * wrong_ones / sure:.0f}"
                  f" in 10,000 ({1e4 * low:.0f} to {1e4 * high:.0f})")  # fmt: skip
    print(*wrong, sep="\n")
    if spent:
        print(f"{np.median(spent):.2f} s of processor time a sheet (median)")


def calibrate(networks: Networks, every: Sequence[Hand], count: int, seed: int) -> None:
    """Fit `mnistry.forms.characters.certainty` to generated cells, and print its weights."""
    random = np.random.default_rng(seed)
    terms, is_right = [], []
    side = 12 * SCALE
    frame = FieldInk(np.zeros((side, side), np.float32), np.zeros((side, side), bool), False)
    while len(terms) < count:
        writer = Writer(every[random.integers(len(every))], random)
        digit, ink = int(random.integers(10)), np.zeros((side, side), np.float32)
        writer.write(ink, str(digit), (6, 6))
        factor = random.uniform(0.4, 1)  # the scan's resolution
        small = cv2.resize(
            cv2.GaussianBlur(ink, (0, 0), 0.5 / factor), None, fx=factor, fy=factor,
            interpolation=cv2.INTER_AREA,
        )  # fmt: skip
        small += random.normal(0, random.uniform(0.003, 0.012), small.shape).astype(np.float32)
        seen = cv2.GaussianBlur(cv2.resize(small, (side, side)), (0, 0), 1)
        marks = seen[seen > 0.025]
        if not marks.size:
            continue
        seen = np.clip(seen * (seen > 0.025) / np.percentile(marks, 60), 0, 1)
        strip = characters.strip_of(seen, frame)
        (steps,) = line_reader.read_strips(networks.lines, [strip])
        (answer,) = networks.answer(normalise(seen)[None])
        line = np.exp(steps.max(0).astype(np.float64))[1:]
        best = int(networks.judgement.of_marks(answer[None], line[None, :10])[0].argmax())
        terms.append(characters.evidence(answer, line, best))
        is_right.append(best == digit)
    x, signs = np.array(terms), np.where(is_right, 1, -1)

    def loss(weights: NDArray[np.float64]) -> float:
        return float(
            np.logaddexp(0, -signs * (x @ weights)).mean() + 2e-4 * weights[1:] @ weights[1:]
        )

    print(np.round(optimize.minimize(loss, np.zeros(x.shape[1])).x, 3).tolist())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheets", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--digits", choices=("test", "choose", "hands"), default="test")
    parser.add_argument("--hands", type=Path, help="a folder with pendigits.npz")
    parser.add_argument("--form", type=Path, help="another form; its fields are filled by chance")
    parser.add_argument("--calibrate", type=int, metavar="N", help="fit to N generated cells")
    parser.add_argument("--real", type=Path, help="a folder with FORM.toml, scan and JSON")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    reader = Reader(threads=1)
    if chosen.real is not None:
        read_real(chosen.real, reader)
        return
    path = chosen.form
    if path is None:
        path = Path(__file__).with_suffix(".toml")
    if chosen.calibrate:
        random = np.random.default_rng(0)
        pens = Hands("hands", chosen.hands, hands.CHOOSE)
        every = [Hands("choose", None).hand(0, random)] * 13  # and 4 pens': 0.24 of all
        every += [pens.hand(writer, random) for writer in range(len(hands.CHOOSE))]
        calibrate(reader.networks, every, chosen.calibrate, 1)
        return
    writers = Hands(chosen.digits, chosen.hands)
    generated(FormReader(loading.load(path), reader), writers, chosen.sheets, chosen.seed)


def read_real(folder: Path, reader: Reader) -> None:
    """Read a real sheet."""
    (toml,), (scan,), (truth,) = (
        list(folder.glob(one)) for one in ("*.toml", "*_scan.*", "*.json")
    )
    form = loading.load(toml)
    start = time.process_time()
    found = FormReader(form, reader).read(decode.read_image(scan))
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    said = {("", -1, name): value for name, value in json.loads(truth.read_text()).items()}
    score(form, found.answers, said, counts, wrong, scan.name)
    report(counts, wrong, [time.process_time() - start])


if __name__ == "__main__":
    main()
