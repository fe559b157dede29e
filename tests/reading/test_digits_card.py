"""The card of the built-in network tells the truth."""

import json

import numpy as np
import onnx
import pytest

from mnistry import recipes
from mnistry.augmentation import non_digits
from mnistry.inference import onnx_session
from mnistry.reading import built_in
from mnistry.system import files


@pytest.fixture(scope="module")
def card() -> dict:
    return json.loads(built_in.CARD.read_text("utf-8"))


@pytest.fixture(scope="module")
def session():
    return onnx_session.open_session(built_in.SHIPPED)


def test_the_file_is_the_one_that_was_scored_and_small(card) -> None:
    size = built_in.SHIPPED.stat().st_size
    assert card["file"] == {
        "name": built_in.SHIPPED.name,
        "bytes": size,
        "sha256": files.sha256(built_in.SHIPPED),
    }
    assert size + built_in.CARD.stat().st_size < 2_000_000


def test_it_has_as_many_weights_as_it_says(card) -> None:
    graph = onnx.load(built_in.SHIPPED).graph
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    weights = sum(np.prod(part.dims) for part in graph.initializer if part.data_type in floats)
    assert weights == card["parameters"] + 1  # the temperature is stored too


def test_it_is_trained_by_the_recipe_that_stands_there_now(card) -> None:
    assert recipes.Recipe.from_json(card["recipe"]) == recipes.find("reading")


def test_mnist_s_part_is_its_training_images_and_names_the_licence(card) -> None:
    assert card["data"]["name"] == "mnist"
    assert card["data"]["licence"] == "CC BY-SA 3.0"
    assert set(card["data"]["digests"]) == {"x_train", "y_train"}


def test_the_network_names_its_data_and_licence(card) -> None:
    said = {entry.key: entry.value for entry in onnx.load(built_in.SHIPPED).metadata_props}
    sources = card["data"]["sources"]
    assert said == {"data": "; ".join(sources.values()), "licence": card["data"]["licence"]}
    assert list(sources) == ["MNIST", "pendigits", "optdigits", "semeion"]


def test_its_figures_make_sense_and_its_shares_are_their_counts(card) -> None:
    assert 0.3 < card["temperature"] < 3
    assert 0.5 <= card["threshold"] < 1
    shares = [value for scores in card["digits"].values() for value in scores.values()]
    shares += [*card["unsaid"].values(), *card["image_files"].values()]
    for share in shares:
        if isinstance(share, dict):
            assert share["share"] == share["count"] / share["of"]
            low, high = share["interval"]
            assert low <= share["share"] <= high


def test_it_reads_mnist_s_test_images_as_well_as_its_card_says(card, session, mnist) -> None:
    answers = onnx_session.probabilities(session, mnist["x_test"])
    right = answers.argmax(1) == mnist["y_test"]
    # Another processor may round two equal candidates another way.
    assert abs(int(right.sum()) - card["digits"]["test"]["right"]["count"]) <= 2
    assert right.mean() >= 0.994
    unsaid = (answers.max(1) < card["threshold"])[right].mean()
    assert unsaid == pytest.approx(card["digits"]["test"]["unsaid_of_right"]["share"], abs=0.001)


def test_it_accepts_hardly_any_letter_of_a_font_that_it_never_saw(card, session) -> None:
    fonts = ("DejaVuSans", "DejaVuSerif-Italic", "DejaVuSansMono-Bold")
    letters = [non_digits.glyph(font, letter) for font in fonts for letter in non_digits.LETTERS]
    answers = onnx_session.probabilities(session, np.array(letters))
    assert (answers.max(1) < card["threshold"]).mean() >= 0.95


def test_it_accepts_hardly_any_noise_or_blank_paper(card, session) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (100, 28, 28), np.uint8)
    plain = np.repeat(np.arange(256, dtype=np.uint8), 784).reshape(-1, 28, 28)
    for images in (noise, plain):
        answers = onnx_session.probabilities(session, images)
        assert (answers.max(1) < card["threshold"]).mean() >= 0.95
