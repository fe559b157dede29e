"""The gallery's examples are on its page; `make docs` runs each, and fails if it shows nothing."""

from pathlib import Path

import pytest

from tests.test_docs import module

gallery = module("gallery")


def test_every_script_is_on_the_page() -> None:
    assert sorted(gallery.NAMES) == sorted(path.stem for path in gallery.FOLDER.glob("*.py"))


@pytest.mark.parametrize("name", gallery.NAMES)
def test_an_example_says_what_it_shows_in_few_lines(name: str) -> None:
    example = gallery.read(name)
    assert 5 < len(example.title) < 60
    assert 10 < len(example.text.split()) < 60
    assert len(example.code.splitlines()) <= 36
    assert "import mnistry" in example.code
    assert f'alt="{example.title}"' in gallery.markdown(example, b"")


def test_an_example_makes_its_picture() -> None:
    assert gallery.picture("distortions").startswith(b"\x89PNG")


def test_an_example_whose_picture_is_empty_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.py").write_text("from matplotlib.figure import Figure\nfigure = Figure()\n")
    monkeypatch.setattr(gallery, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="empty: a picture of shape"):
        gallery.picture("empty")
