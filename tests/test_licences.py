"""Every package that mnistry may bring has a licence that permits how it is used, and is listed."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import load

# Packages that may ask for more than a notice; the page says how each is used.
COPYLEFT = {
    "certifi", "fpdf2", "jaxlib", "ml-dtypes", "numpy", "onnxruntime", "opencv-python-headless",
    "pi-heif", "python-stdnum", "scikit-learn", "scipy",
}  # fmt: skip


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    return load(Path(__file__).parents[1] / "docs" / "licences.py")


def test_every_licence_is_known_and_copyleft_is_explained(licences: ModuleType) -> None:
    found = licences.packages()
    known = licences.PERMISSIVE | licences.COPYLEFT
    asking = set()
    for one in found:
        every = {*licences.identifiers(one.licence), *one.inside.values()}
        assert every <= known, one
        if every & licences.COPYLEFT:
            asking.add(one.name)
    assert asking == COPYLEFT
    explained = licences.PAGE.read_text("utf-8").partition("## All packages")[0]
    assert [name for name in COPYLEFT if name not in explained] == []


def test_the_page_lists_what_is_installed(licences: ModuleType) -> None:
    page = licences.PAGE.read_text("utf-8")
    listed = page.partition(licences.BEGIN)[2].partition(licences.END)[0].strip().splitlines()
    expected = licences.table().strip().splitlines()
    if sys.platform != "linux":  # other wheels
        listed, expected = ([row.rsplit("|", 2)[0] for row in rows] for rows in (listed, expected))
    assert listed == expected, "write it anew: python docs/licences.py"
