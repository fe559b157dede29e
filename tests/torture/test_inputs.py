import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from torture import inputs
from torture.mutations import MOST, Seed, compressed, mutate, png_with_sums, whole_and_members

pytestmark = pytest.mark.slow


def test_every_loader_and_the_reader_survive_slightly_damaged_files() -> None:
    result = inputs.campaign(count=150, workers=2)
    assert set(result) == set(inputs.TITLES)
    for name, found in result.items():
        assert found["wrong"] == [], name
        assert found["inputs"] >= 150
    # Some damage is noticed; and as the checksums are corrected, some files can still be read.
    assert all(
        found["outcomes"].get("read", 0) < 150 for found in map(result.get, ("npz", "keras"))
    )
    assert all(result[name]["outcomes"]["read"] > 10 for name in ("npz", "idx", "image", "keras"))


def test_a_recipe_changes_a_seed_deterministically() -> None:
    seed = Seed("a", bytes(range(256)))
    recipe = np.random.default_rng(0).bytes(MOST)
    assert mutate(seed, recipe) == mutate(seed, recipe) != seed.content
    assert mutate(seed, b"") == seed.content


@pytest.mark.parametrize("kind", range(9))
def test_every_kind_of_change_changes_something(kind: int) -> None:
    seed = Seed("a", bytes(range(200)))
    assert mutate(seed, bytes([kind, 0, 64, 0, 128, 5, 0, 3])) != seed.content


def test_changed_members_and_streams_are_packed_with_correct_checksums() -> None:
    file = io.BytesIO()
    np.savez(file, a=np.arange(5))
    for seed in list(whole_and_members("x.npz", file.getvalue()))[1:]:
        with zipfile.ZipFile(io.BytesIO(seed.pack(b"changed"))) as archive:
            assert archive.testzip() is None
            assert archive.read("a.npy") == b"changed"
    _, inside = compressed("x.gz", b"content")
    assert gzip.decompress(inside.pack(b"changed")) == b"changed"


def test_a_changed_png_gets_correct_checksums(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (8, 8), 7).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[19] = 9  # the width
    with pytest.raises(OSError):
        Image.open(io.BytesIO(content)).load()
    assert Image.open(io.BytesIO(png_with_sums(bytes(content)))).size == (9, 8)
