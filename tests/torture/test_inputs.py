import collections
import gzip
import io
import os
import re
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from torture import inputs
from torture.mutations import MOST, Seed, compressed, mutate, png_with_sums, whole_and_members
from torture.targets import Target

pytestmark = pytest.mark.slow


def test_every_loader_and_the_reader_survive_slightly_damaged_files() -> None:
    result = inputs.campaign(count=40)  # all in one process: most of its time is imports
    assert list(result) == list(inputs.TITLES)
    for name, found in result.items():
        assert found["wrong"] == [], name
        assert found["inputs"] >= 40
    # Some damage is noticed; and as the checksums are corrected, some files can still be read.
    for name in ("npz", "idx", "image", "keras"):
        assert 3 < result[name]["outcomes"]["read"] < result[name]["inputs"], name


def read_only_ascii(path: Path) -> bytes:
    content = path.read_bytes()
    if max(content) > 127:
        raise ValueError(f"not ASCII: {max(content)}")
    return content


def test_an_error_that_is_not_ours_is_found_and_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    planted = Target([Seed("a.txt", bytes(range(120)))], read_only_ascii)
    monkeypatch.setitem(inputs.TARGETS, "planted", lambda: planted)
    monkeypatch.setattr(inputs, "_limit_memory", lambda: None)  # it is this process
    handlers = {one: signal.getsignal(one) for one in (signal.SIGALRM, signal.SIGPROF)}
    try:
        outcome = inputs.try_batch("planted", 0, 40)
    finally:
        for reason, handler in handlers.items():
            signal.signal(reason, handler)
    (wrong,) = outcome.wrong
    assert re.match(r"planted, batch 0, recipe [0-9a-f]{16} of seed 0: ", wrong)  # one change
    assert "ValueError: not ASCII: " in wrong


def die_of_the_second(name: str, number: int, count: int) -> inputs.Outcome:
    if number == 1:
        os._exit(1)
    return inputs.Outcome(collections.Counter(read=count))


def test_a_process_that_dies_is_reported_and_the_next_inputs_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inputs, "try_batch", die_of_the_second)
    found = inputs._in_own_process([("npz", number, 5) for number in range(3)])
    assert [one.counts["read"] for one in found] == [5, 0, 5]
    assert [len(one.wrong) for one in found] == [0, 1, 0]
    assert "--only npz --seed 1 --count 5" in found[1].wrong[0]


def test_a_recipe_changes_a_seed_deterministically() -> None:
    seed = Seed("a", bytes(range(256)))
    recipe = np.random.default_rng(0).bytes(MOST)
    assert mutate(seed, recipe) == mutate(seed, recipe) != seed.content
    assert mutate(seed, b"") == seed.content


TEXT = b'[[field]]\nname = "a b"\nlength = 3\nmax = 12.5\n'


def test_half_of_the_recipes_change_whole_words_of_a_text() -> None:
    words = set(re.findall(rb'"[^"]*"|[\w.]+|[^\w"]', TEXT))
    for number in range(256):
        recipe = bytes([128 | number, 0, 64, 0, 128, 5, 0, 0])
        changed = mutate(Seed("a", TEXT), recipe)
        new = set(re.findall(rb'"[^"]*"|[\w.]+|[^\w"]', changed)) - words
        assert len(new) <= 1, changed
    binary = Seed("a", TEXT + b"\0\x01")
    assert mutate(binary, recipe) != binary.content


@pytest.mark.parametrize("kind", range(8))
def test_every_kind_of_change_of_words_changes_something(kind: int) -> None:
    recipe = bytes([128 | kind, 0, 160, 0, 224, 0, 176, 3])
    assert mutate(Seed("a", TEXT), recipe) != TEXT


def test_a_text_of_which_nothing_is_left_can_be_changed_again() -> None:
    random = np.random.default_rng(0)
    for _ in range(500):
        recipe = b"\x87" + random.bytes(MOST - 1)  # deletes a word, and then others
        assert isinstance(mutate(Seed("a", b"a\n"), recipe), bytes)


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
