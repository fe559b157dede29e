import numpy as np
import pytest

from mnistry.augmentation import non_digits
from mnistry.augmentation.non_digits import KINDS, Digits


@pytest.fixture(scope="module")
def digits(mnist) -> Digits:
    return Digits(mnist["x_train"][:2000], mnist["y_train"][:2000])


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_kind_has_its_share_and_the_shares_add_up_to_1(digits) -> None:
    made = non_digits.make(digits, 400, random())
    assert sum(kind.share for kind in KINDS) == pytest.approx(1)
    assert {name: len(images) for name, images in made.items()} == {
        kind.name: round(400 * kind.share) for kind in KINDS
    }
    for images in made.values():
        assert images.dtype == np.uint8
        assert images.shape[1:] == (28, 28)


def test_the_same_seed_gives_the_same_images_and_another_seed_does_not(digits) -> None:
    one, again, other = (non_digits.make(digits, 60, random(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], again[name]) for name in one)
    assert not np.array_equal(one["letters"], other["letters"])


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS if kind.name != "nothing"])
def test_what_is_drawn_has_ink_and_few_are_alike(digits, kind) -> None:
    images = non_digits.make(digits, 600, random())[kind]
    assert (images.max((1, 2)) > 60).all()
    # Letters and signs of nine fonts may come twice.
    assert len(np.unique(images, axis=0)) > (0.6 if kind == "letters" else 0.95) * len(images)


def test_letters_that_look_like_digits_are_left_out() -> None:
    assert not set(non_digits.LETTERS) & set("OoIilSsZzBbgqDQGJ")
    assert len(non_digits.LETTERS) == 52 - 17
    assert not any(character.isalnum() for character in non_digits.SIGNS)


def test_the_fonts_kept_for_tests_are_not_trained_on() -> None:
    assert not any(font.startswith(("DejaVu", "Liberation")) for font in non_digits.FONTS)


def test_letters_differ_from_font_to_font_and_have_mnist_s_form() -> None:
    glyphs = [non_digits.glyph(font, "R") for font in non_digits.FONTS]
    assert len(np.unique(np.array(glyphs), axis=0)) == len(glyphs)
    for image in glyphs:
        assert max(np.ptp(np.flatnonzero(image.any(axis))) + 1 for axis in (0, 1)) <= 22


def test_digits_that_are_still_digits_when_turned_are_never_turned(mnist) -> None:
    # 0, 1, 2, 5, 6 and 8 may be digits when turned, so nothing can be made from them alone.
    few = np.isin(mnist["y_train"][:500], (0, 1, 2, 5, 6, 8))
    digits = Digits(mnist["x_train"][:500][few], mnist["y_train"][:500][few])
    with pytest.raises(ValueError, match="empty"):
        non_digits.turned(digits, random())
