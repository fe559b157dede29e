import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnistry


@pytest.fixture
def three(tmp_path, monkeypatch) -> Path:
    """A real three as a photo in this folder, dark on light."""
    images, labels = mnistry.load("sample").train
    monkeypatch.chdir(tmp_path)
    Image.fromarray(255 - images[labels == 3][0]).save("three.png")
    return Path("three.png")


def test_every_stage_is_told_and_drawn(mnistry_command, three) -> None:
    result = mnistry_command("doctor", three)
    assert (result.code, result.err) == (0, "wrote three-doctor.png\n")
    assert result.out.startswith("three.png: 3\n1 digit on light paper\n")
    for told in (
        "the naive way", "resized to 28x28", "inverted if its border is light", "digit 1: 3",
        "cut out", "its ink alone", "its mass in the middle", "strokes as MNIST has them",
        "nearest of the prototypes", "what would change it",
    ):  # fmt: skip
        assert told in result.out
    with Image.open("three-doctor.png") as picture:
        assert (picture.format, picture.width) == ("PNG", 1240)


def test_json_is_one_object_and_the_picture_is_drawn_too(mnistry_command, three) -> None:
    result = mnistry_command("doctor", three, "--json", "-o", "why.png")
    value = json.loads(result.out)
    assert (value["file"], value["picture"], value["text"]) == ("three.png", "why.png", "3")
    assert value["cases"][0]["stages"][-1]["digit"] == 3
    assert Path("why.png").is_file()


def test_boxes_of_a_reduced_photo_are_in_the_files_own_pixels(mnistry_command, three) -> None:
    with Image.open(three) as image:
        digit = image.resize((560, 560))
    photo = Image.new("L", (3000, 4000), "white")
    photo.paste(digit, (300, 200))
    photo.paste(digit, (2000, 2900))
    turned = Image.Exif()
    turned[0x0112] = 6  # stored lying on its side
    photo.rotate(90, expand=True).save("photo.jpg", exif=turned)
    read = json.loads(mnistry_command("read", "photo.jpg", "--jsonl").out)
    value = json.loads(mnistry_command("doctor", "photo.jpg", "--json").out)
    assert value["digits"] == read["digits"]
    assert value["lines"] == ["3", "3"]
    x, y, width, height = value["digits"][1]["box"]
    assert 2000 < x < x + width < 2560
    assert 2900 < y < y + height < 3460
    assert value["cases"][1]["stages"][0]["digit"] == 3  # the digit itself was cut out


def test_only_an_older_diagnosis_is_replaced_unless_the_output_is_named(
    mnistry_command, three
) -> None:
    photo = three.read_bytes()
    Path("three-doctor.png").write_bytes(photo)
    result = mnistry_command("doctor", three)
    assert result.code == 2
    assert "three-doctor.png: exists already; choose another name with -o" in result.err
    assert Path("three-doctor.png").read_bytes() == photo
    assert mnistry_command("doctor", three, "-o", "three-doctor.png").code == 0
    assert mnistry_command("doctor", three).code == 0
    Path("three-doctor.png").write_text("no picture")
    assert mnistry_command("doctor", three).code == 2


@pytest.mark.parametrize("output", ["three.png", "why.jpg", "none/why.png"])
def test_an_output_that_is_not_allowed_is_refused(mnistry_command, three, output) -> None:
    before = three.read_bytes()
    result = mnistry_command("doctor", three, "-o", output)
    assert (result.code, result.out) == (2, "")
    assert three.read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["three.png"]


def test_a_bad_picture_leaves_nothing_behind(mnistry_command, three) -> None:
    three.write_bytes(b"no picture")
    result = mnistry_command("doctor", three)
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith("mnistry: three.png: a text file")
    assert [path.name for path in Path().iterdir()] == ["three.png"]


def test_a_picture_without_digits_is_drawn_too(mnistry_command, three) -> None:
    Image.fromarray(np.full((50, 50), 200, np.uint8)).save(three)
    result = mnistry_command("doctor", three)
    assert result.code == 0
    assert result.out.startswith("three.png: no digit\n0 digits on ")
    assert Path("three-doctor.png").is_file()


def test_a_model_and_a_threshold_can_be_given(mnistry_command, three, finished_run) -> None:
    value = json.loads(
        mnistry_command(
            "doctor", three, "--model", finished_run.path, "--threshold", "1", "--json"
        ).out
    )
    assert value["text"] == "?"
    assert mnistry_command("doctor", three, "--model", "none").code == 5


def test_a_page_of_a_document_is_chosen(mnistry_command, three, tmp_path) -> None:
    with Image.open(three) as picture:
        blank = Image.new("L", picture.size, 255)
        blank.save(tmp_path / "scan.pdf", save_all=True, append_images=[picture.convert("L")])
    drawn = tmp_path / "page.png"
    result = mnistry_command("doctor", tmp_path / "scan.pdf", "--page", "2", "-o", drawn)
    assert result.code == 0
    assert result.out.startswith(f"{tmp_path / 'scan.pdf'}: 3\n")
    result = mnistry_command("doctor", tmp_path / "scan.pdf", "--page", "3", "-o", drawn)
    assert result.code == 3
    assert "there is no page 3; expected 1 to 2" in result.err
