"""Slightly damaged pictures and documents of every format: a page, or one of our own errors."""

import os
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies
from PIL import Image

from mnistry.errors import DataError, Notice
from mnistry.images.decode import open_content
from tests.images.pdfs import drawn
from tests.images.test_documents import BAR, HEIC, saved
from torture.mutations import MOST, Seed, mutate, png_with_sums

# Inputs of each format; MNISTRY_MUTATIONS=5000 tries more.
COUNT = int(os.environ.get("MNISTRY_MUTATIONS", "60"))


def several(form: str, **options: object) -> bytes:
    others = [Image.fromarray(255 - BAR), Image.fromarray(BAR)]
    return saved(BAR, form, save_all=True, append_images=others, **options)


def seeds() -> dict[str, list[Seed]]:
    clear = np.dstack([BAR, BAR, BAR, 255 - BAR])
    contents = {
        "heic": [(HEIC / name).read_bytes() for name in ("turned.heic", "clear.heic", "two.heic")],
        "avif": [saved(BAR, "AVIF"), saved(clear, "AVIF"), several("AVIF")],
        "pdf": [
            several("PDF"),
            drawn(b"q 0 g 0 50 100 50 re f 1 0 0 RG 9 w 0 0 m 200 100 l S Q"),
            saved(Image.fromarray(BAR).convert("1"), "PDF"),
        ],
        "tiff": [
            several("TIFF"),
            several("TIFF", compression="tiff_lzw", dpi=(204, 98)),
            saved(Image.fromarray(BAR).convert("1"), "TIFF", compression="group4"),
            saved(BAR.astype(np.float32), "TIFF"),
        ],
        "jpeg": [saved(BAR, "JPEG", progressive=True), several("MPO")],
        "png": [saved(clear, "PNG"), saved(BAR.astype(np.uint16) * 257, "PNG")],
        "webp": [saved(clear, "WEBP"), several("WEBP")],
    }  # fmt: skip
    return {
        form: [Seed(form, one, png_with_sums if form == "png" else bytes) for one in found]
        for form, found in contents.items()
    }


@pytest.mark.parametrize(("form", "found"), seeds().items(), ids=seeds())
def test_a_damaged_file_is_read_or_refused_by_an_error_of_ours(
    form: str, found: list[Seed]
) -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=COUNT, deadline=None, database=None, derandomize=COUNT == 60,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategies.sampled_from(found), strategies.binary(min_size=8, max_size=MOST))
    def try_one(seed: Seed, recipe: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Notice)
            try:
                with open_content(mutate(seed, recipe), "it") as document:
                    number = 1 + sum(recipe) % min(document.count, 3)
                    page = document.page(number, 1600)
                assert page.grey.dtype == np.uint8
                assert page.grey.ndim == 2 and page.grey.size
                assert min(page.size) > 0
                outcomes["read"] += 1
            except DataError as error:
                assert str(error).startswith("it")
                assert "\n" not in str(error)
                outcomes["refused"] += 1

    try_one()
    assert outcomes["read"] and outcomes["refused"]
