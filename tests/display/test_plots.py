import dataclasses
import functools
import itertools
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import colors
from PIL import Image

from mnistry.display import plots
from mnistry.errors import UsageError
from mnistry.evaluation.ledger import Entry, Ledger
from mnistry.evaluation.scorecard import score
from mnistry.evaluation.statistics import wilson

LABELS = np.arange(40, dtype=np.uint8) % 10
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)
HISTORY = {"loss": [0.3, 0.1], "accuracy": [0.9, 0.97]}
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def make_card(wrong, classes=tuple("0123456789")):
    """Return a scorecard with the first `wrong` images answered as the next class."""
    answers = LABELS.astype(int)
    answers[:wrong] = (answers[:wrong] + 1) % 10
    confidences = np.linspace(0.5, 0.95, 40)
    rows = np.repeat((1 - confidences[:, np.newaxis]) / 9, 10, axis=1)
    rows[np.arange(40), answers] = confidences
    return score(LABELS, rows, classes=classes)


# The second class has no training images; the third has a lower loss on unseen images.
CLASSES = (
    *(Entry("0", 0.25, 0.5), Entry("1", None, 2.5), Entry("2", 0.5, 0.125)),
    Entry("3", 0.01, 1.0),
)
EPOCHS = (Entry("1", 1.5, 1.0), Entry("2", 0.5, 0.75), Entry("3", 0.125, 0.875))
BOOK = Ledger(4, 2.0, 0.25, 0.75, "test", CLASSES, "categorical_crossentropy", EPOCHS)
SEEN = tuple(dataclasses.replace(entry, unseen=None) for entry in EPOCHS)
BOOKS = {
    "ledger": BOOK,
    "ledger without validation": dataclasses.replace(BOOK, epochs=SEEN),
    "ledger without epochs": dataclasses.replace(BOOK, epochs=()),
    "ledger of training alone": dataclasses.replace(
        BOOK, unseen=None, split=None, epochs=SEEN[:1],
        by_class=tuple(dataclasses.replace(entry, unseen=None) for entry in CLASSES),
    ),
    "ledger of a network that misleads": dataclasses.replace(BOOK, unseen=7.5),
    "ledger of clothes": dataclasses.replace(
        BOOK, classes=10, by_class=tuple(Entry(name, 1e-7, 23.25) for name in FASHION)
    ),
}  # fmt: skip


def captions(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def laid_out(figure):
    """Give a figure its final layout."""
    figure.draw_without_rendering()
    return figure


def overlapping(boxes):
    return any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


FIGURES = {
    "digits": lambda: plots.digits(IMAGES, LABELS, range(7), FASHION),
    "narrow digit": lambda: plots.digits(IMAGES[:, :14, 10:17], None, [3]),
    "mistakes": lambda: plots.mistakes(make_card(30), IMAGES),
    "few mistakes": lambda: plots.mistakes(make_card(3, FASHION), IMAGES),
    "no mistakes": lambda: plots.mistakes(make_card(0), IMAGES),
    "many units": lambda: plots.first_layer(np.random.default_rng(0).normal(size=(784, 512))),
    "ten units": lambda: plots.first_layer(np.random.default_rng(0).normal(size=(784, 10))),
    "one unit": lambda: plots.first_layer(np.random.default_rng(0).normal(size=(784, 1))),
    "confusion": lambda: plots.confusion(make_card(20, FASHION)),
    "curves": lambda: plots.curves(HISTORY),
    "reliability": lambda: plots.reliability(make_card(20)),
    **{name: functools.partial(plots.ledger, book) for name, book in BOOKS.items()},
}


@functools.cache
def shared(name):
    """Return one of these figures, laid out, not to be changed."""
    return laid_out(FIGURES[name]())


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off_at_the_edge(name):
    figure = shared(name)
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= width + 1e-9
    assert box.y1 <= height + 1e-9


@pytest.mark.parametrize("classes", [tuple("0123456789"), FASHION])
def test_captions_of_mistakes_do_not_run_into_each_other(classes):
    figure = laid_out(plots.mistakes(make_card(40, classes), IMAGES))
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 20
    assert not overlapping(boxes)


def test_images_and_captions_stand_in_rows_without_touching():
    figure = shared("mistakes")
    (axes,) = figure.axes
    boxes = [image.get_window_extent() for image in axes.images]
    words = [text.get_window_extent() for text in axes.texts]
    assert not overlapping([*boxes, *words])
    for box, caption in zip(boxes, words, strict=True):
        assert box.x0 < (caption.x0 + caption.x1) / 2 < box.x1
        assert 0 < box.y0 - caption.y1 < 0.2 * box.height
    assert len({round(box.y0) for box in boxes}) == 4  # rows of five


def test_images_stand_upright(tmp_path):
    corner = np.zeros((1, 28, 28), np.uint8)
    corner[0, :14, :7] = 255
    plots.save(plots.digits(corner, None, [0]), tmp_path / "corner.png")
    with Image.open(tmp_path / "corner.png") as picture:
        ink = np.asarray(picture.convert("L"))[:230] < 128  # without the caption
    rows, columns = np.nonzero(ink[15:-15, 20:-20])  # without the frame
    assert (rows.mean(), columns.mean()) < (0.3 * len(ink), 0.25 * ink.shape[1])


def test_digits_are_drawn_black_on_white_with_index_and_label():
    images = IMAGES // 2 + 20
    figure = plots.digits(images, LABELS, [7, 18, 8])
    assert captions(figure) == ["image 7\nlabel 7", "image 18\nlabel 8", "image 8\nlabel 8"]
    shown = figure.axes[0].images[0]
    assert np.array_equal(shown.get_array(), images[7])
    assert shown.get_clim() == (0, 255)  # not the range of this one image
    assert colors.to_hex(shown.cmap(shown.norm(0))) == "#ffffff"
    assert colors.to_hex(shown.cmap(shown.norm(255))) == "#000000"


def test_digits_without_labels_have_their_index():
    assert captions(plots.digits(IMAGES, None, [3])) == ["image 3"]


def test_digits_refuse_an_index_out_of_range():
    with pytest.raises(UsageError, match="no image 40"):
        plots.digits(IMAGES, LABELS, [40])


def test_curves_start_at_epoch_1_and_show_validation_if_there_is_one():
    loss, accuracy = plots.curves(HISTORY).axes
    assert [line.get_xydata().tolist() for line in loss.lines] == [[[1, 0.3], [2, 0.1]]]
    assert [line.get_xydata().tolist() for line in accuracy.lines] == [[[1, 0.9], [2, 0.97]]]
    assert loss.get_ylabel() == "cross-entropy (nats)"
    assert plots.curves(HISTORY, "mean_squared_error").axes[0].get_ylabel() == "mean squared error"
    both = plots.curves({**HISTORY, "val_loss": [0.2, 0.15], "val_accuracy": [0.95, 0.96]})
    assert [len(axes.lines) for axes in both.axes] == [2, 2]


@pytest.mark.parametrize("epochs", [1, 2, 5, 60])
def test_epochs_are_whole_numbers_from_1(epochs):
    figure = plots.curves({name: [0.5] * epochs for name in HISTORY})
    figure.draw_without_rendering()
    low, high = figure.axes[0].get_xlim()
    ticks = [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == int(tick) and 1 <= tick <= epochs for tick in ticks)


def test_confusion_shows_every_count_and_colours_only_mistakes():
    card = make_card(15)
    axes = plots.confusion(card).axes[0]
    counts = {
        (int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts
    }
    assert counts == {(i, j): str(card.confusion[i][j]) for i in range(10) for j in range(10)}
    shown = axes.images[0]
    assert shown.get_clim() == (0, 2)  # the most frequent mistake, not the 4 of the diagonal
    assert shown.get_array().mask.diagonal().all()


def test_counts_are_readable_on_light_and_dark_cells():
    figure = plots.confusion(make_card(15))
    shown = figure.axes[0].images[0]
    for text in figure.axes[0].texts:
        answer, label = map(int, text.get_position())
        if label == answer or text.get_text() == "0":
            continue
        ground = shown.to_rgba(np.array([int(text.get_text())]))[0]
        assert contrast(ground, colors.to_rgb(text.get_color())) >= 4.5


def contrast(a, b):
    """Contrast ratio of two colours, 1 to 21, after WCAG 2.1."""
    linear = [
        [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        for colour in (a, b)
    ]
    dark, light = sorted(np.array(linear) @ [0.2126, 0.7152, 0.0722])
    return (light + 0.05) / (dark + 0.05)


def test_mistakes_show_the_most_confident_first_with_label_answer_and_confidence():
    figure = plots.mistakes(make_card(30), IMAGES, count=2)
    # Confidences grow from 0.5 to 0.95 over 40 images: 0.5 + 0.45 * 29 / 39 = 0.8346, then 0.8231.
    assert captions(figure) == [
        "image 29\nlabel 9, answer 0\n83.5 % sure",
        "image 28\nlabel 8, answer 9\n82.3 % sure",
    ]
    assert np.array_equal(figure.axes[0].images[0].get_array(), IMAGES[29])
    assert figure.get_suptitle() == "Mistakes, most confident first: 2 of 30"


def test_mistakes_of_a_perfect_network_can_be_drawn(tmp_path):
    plots.save(plots.mistakes(make_card(0), IMAGES), tmp_path / "mistakes.png")


def test_mistakes_refuse_another_number_of_images():
    with pytest.raises(UsageError, match="39 images; expected the 40 that were scored"):
        plots.mistakes(make_card(3), IMAGES[:39])


def test_first_layer_shows_the_strongest_units_as_images():
    kernel = np.zeros((784, 50), np.float32)
    kernel[:, 7] = np.linspace(-1, 3, 784)
    kernel[3, 41] = 2
    figure = plots.first_layer(kernel, count=2)
    assert captions(figure) == ["unit 7", "unit 41"]
    strongest, other = figure.axes[0].images
    assert np.array_equal(strongest.get_array(), kernel[:, 7].reshape(28, 28))
    low, high = strongest.get_clim()
    assert low == -high
    assert other.get_clim() == (low, high)
    assert "2 of 50 units" in figure.get_suptitle()


def test_first_layer_shows_few_units_in_their_order():
    figure = plots.first_layer(np.random.default_rng(0).normal(size=(784, 10)))
    assert captions(figure) == [f"unit {unit}" for unit in range(10)]
    assert "all 10 units" in figure.get_suptitle()


def test_first_layer_of_zeros_can_be_drawn(tmp_path):
    plots.save(plots.first_layer(np.zeros((784, 3))), tmp_path / "zeros.png")


@pytest.mark.parametrize("shape", [(3, 3, 1, 32), (512, 10), (784,)])
def test_first_layer_refuses_weights_of_another_shape(shape):
    with pytest.raises(UsageError, match=r"expected \(784, units\)"):
        plots.first_layer(np.zeros(shape))


def test_reliability_draws_the_bins_that_are_not_empty():
    card = make_card(20)
    filled = [part for part in card.bins if part.count]
    above, below = plots.reliability(card).axes
    points, _, (intervals,) = above.containers[0]
    assert points.get_xdata().tolist() == [part.confidence for part in filled]
    assert points.get_ydata().tolist() == [part.accuracy for part in filled]
    for part, ((x, low), (_, high)) in zip(filled, intervals.get_segments(), strict=True):
        assert x == part.confidence
        assert (low, high) == pytest.approx(wilson(round(part.accuracy * part.count), part.count))
    assert [bar.get_x() for bar in below.patches] == [part.low for part in filled]
    assert [bar.get_height() for bar in below.patches] == [part.count for part in filled]


def widths(axes):
    return [bar.get_width() for bar in axes.patches]


def test_the_bar_of_the_ledger_shows_what_was_learned_the_gap_and_the_rest():
    whole = plots.ledger(BOOK).axes[0]
    assert [(bar.get_x(), bar.get_width()) for bar in whole.patches] == [
        (2.0, -1.25),
        (0.75, -0.5),
        (0.25, -0.25),
    ]
    assert whole.get_xlim() == (2, 0)
    assert [text.get_text() for text in whole.get_legend().get_texts()] == [
        "learned: 1.250",
        "generalisation gap: 0.500",
        "not learned: 0.250",
    ]
    assert "2.00 bits if you know nothing" in whole.get_title()


def test_the_bar_of_the_ledger_shows_no_negative_gap():
    book = dataclasses.replace(BOOK, train=0.75, unseen=0.5)
    assert widths(plots.ledger(book).axes[0]) == [-1.5, -0.5]
    alone = dataclasses.replace(BOOK, unseen=None, split=None)
    assert widths(plots.ledger(alone).axes[0]) == [-1.75, -0.25]


def test_the_bar_of_a_network_worse_than_guessing_shows_nothing_learned():
    whole = plots.ledger(dataclasses.replace(BOOK, unseen=7.5)).axes[0]
    assert [(bar.get_x(), bar.get_width()) for bar in whole.patches] == [
        (7.5, -7.25),
        (0.25, -0.25),
    ]
    assert whole.get_xlim() == (7.5, 0)


def test_the_epochs_of_the_ledger_show_training_validation_and_knowing_nothing():
    epochs = plots.ledger(BOOK).axes[1]
    train, unseen, nothing = epochs.lines
    assert train.get_xydata().tolist() == [[1, 1.5], [2, 0.5], [3, 0.125]]
    assert unseen.get_xydata().tolist() == [[1, 1.0], [2, 0.75], [3, 0.875]]
    assert set(nothing.get_ydata()) == {2.0}
    assert epochs.get_yscale() == "log"
    (shade,) = epochs.collections
    # The gap is shaded from where the lines cross, between epochs 1 and 2.
    assert 1 < shade.get_paths()[0].vertices[:, 0].min() < 2


def test_the_ledger_without_validation_draws_none():
    epochs = plots.ledger(BOOKS["ledger without validation"]).axes[1]
    assert len(epochs.lines) == 2
    assert not epochs.collections


def test_the_classes_of_the_ledger_show_training_and_test_losses():
    classes = plots.ledger(BOOK).axes[2]
    links, train, unseen = classes.collections
    assert [x for x, _ in train.get_offsets().filled(-1)] == [0.25, -1, 0.5, 0.01]
    assert unseen.get_offsets().tolist() == [[0.5, 0], [2.5, 1], [0.125, 2], [1.0, 3]]
    ends = [path.vertices[:, 0].tolist() for path in links.get_paths()]
    assert [ends[k] for k in (0, 2, 3)] == [[0.25, 0.5], [0.5, 0.125], [0.01, 1.0]]
    # Where unseen images cost less, that is no gap and has another colour.
    colours = [colors.to_hex(colour) for colour in links.get_colors()]
    assert colours[0] == colours[3] != colours[2]
    assert classes.get_ylim()[0] > classes.get_ylim()[1]  # the first class on top
    assert [text.get_text() for text in classes.get_legend().get_texts()] == [
        *("training images", "test images", "knows nothing"),
    ]


def test_ticks_of_bits_are_plain_numbers_that_do_not_overlap():
    for name in BOOKS:
        axes = shared(name).axes[-1]
        labels = [text for text in axes.get_xticklabels() if text.get_text()]
        low, high = axes.get_xlim()
        boxes = [
            text.get_window_extent() for text in labels if low <= text.get_position()[0] <= high
        ]
        assert len(boxes) > 1
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
        places = [text.get_position()[0] for text in labels]
        assert [float(text.get_text()) for text in labels] == pytest.approx(places)


def test_the_ledger_without_epochs_has_no_panel_for_them():
    whole, classes = plots.ledger(BOOKS["ledger without epochs"]).axes
    assert whole.patches
    assert "Class by class" in classes.get_title()


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.png", b"\x89PNG"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")],
)
def test_save_writes_the_format_of_the_suffix_and_the_same_bytes_each_time(tmp_path, name, start):
    first, second = tmp_path / f"1{name}", tmp_path / f"2{name}"
    for path in (first, second):
        plots.save(plots.curves(HISTORY), path)
    assert first.read_bytes().startswith(start)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.name, second.name]


def test_no_time_of_day_is_written(tmp_path, monkeypatch):
    for name in ("a.svg", "a.pdf"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
        plots.save(plots.curves(HISTORY), tmp_path / name)
        before = (tmp_path / name).read_bytes()
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
        plots.save(plots.curves(HISTORY), tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("name", ["a.jpg", "a", "a.png.txt"])
def test_save_refuses_other_formats_and_keeps_the_old_file(tmp_path, name):
    (tmp_path / name).write_text("before")
    with pytest.raises(UsageError, match=r"\.png, \.svg or \.pdf"):
        plots.save(plots.curves(HISTORY), tmp_path / name)
    assert (tmp_path / name).read_text() == "before"


def test_save_refuses_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(UsageError, match="no such folder"):
        plots.save(plots.curves(HISTORY), tmp_path / "missing" / "a.png")


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "a.png"
    plots.save(plots.curves(HISTORY), path)
    before = path.read_bytes()
    broken = plots.curves(HISTORY)
    broken.axes[0].set_title("$\\nonsense$")
    with pytest.raises(ValueError, match="nonsense"):
        plots.save(broken, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_figures_need_no_pyplot_and_the_module_no_matplotlib():
    script = (
        "import sys, pathlib, tempfile\n"
        "from mnistry.display import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "figure = plots.curves({'loss': [1.0], 'accuracy': [0.5]})\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    plots.save(figure, pathlib.Path(folder) / 'a.png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_real_digits_can_be_drawn(mnist_path, tmp_path):
    with np.load(mnist_path) as arrays:
        figure = plots.digits(arrays["x_test"], arrays["y_test"], [7, 18, 8])
    assert captions(figure)[0] == "image 7\nlabel 9"
    plots.save(figure, tmp_path / "digits.png")
