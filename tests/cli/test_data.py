import json

import numpy as np
from PIL import Image


def test_real_mnist_is_described(mnistry_command, mnist_home) -> None:
    result = mnistry_command("data", "mnist")
    assert result.code == 0
    for text in ("(60000, 28, 28)", "image, row, column", "uint8", "0 to 255", "CC BY-SA 3.0"):
        assert text in result.out
    assert "6,742" in result.out  # training images of a 1
    assert "1,135" in result.out  # test images of a 1


def test_the_preview_names_the_images_that_it_shows(mnistry_command, mnist_home) -> None:
    shown = mnistry_command("data", "mnist").out
    # The training labels begin 5 0 4 1 9 2 1 3 1 4.
    assert "image 1, label 0" in shown
    assert "image 0, label 5" in shown


def test_json_is_one_object_with_the_arrays_digests(mnistry_command, mnist_home) -> None:
    value = json.loads(mnistry_command("data", "mnist", "--json").out)
    images = value["arrays"][0]
    assert images["name"] == "x_train"
    assert images["shape"] == [60_000, 28, 28]
    assert images["sha256"].startswith("741c9888")
    assert value["images_a_class"]["train"][0] == 5_923


def test_without_network_and_cache_the_sample_is_used_with_a_note(mnistry_command) -> None:
    result = mnistry_command("data")
    assert result.code == 0
    assert "(4000, 28, 28)" in result.out
    assert "note: " in result.err
    assert mnistry_command("data", "mnist").code == 4


def test_a_missing_file_is_bad_data(mnistry_command) -> None:
    result = mnistry_command("data", "no/such.npz")
    assert result.code == 3
    assert "fashion-mnist" in result.err


def test_fault_27_a_transposed_dataset_is_seen_in_the_preview(mnistry_command, tmp_path) -> None:
    images = np.zeros((2, 28, 28), np.uint8)
    images[:, 4:8] = 255  # a bar across
    path = tmp_path / "bars.npz"
    np.savez(path, x_train=images, y_train=np.array([0, 1]), x_test=images[:1], y_test=[0])
    across, down = (
        mnistry_command("data", path, *option).out.split("half its size")[1]
        for option in ((), ("--transpose",))
    )
    assert "██████████████" in across
    assert "██████████████" not in down


def test_fault_39_an_unreadable_image_is_listed_and_the_rest_goes_on(
    mnistry_command, tmp_path
) -> None:
    for digit in "01":
        (tmp_path / digit).mkdir()
        Image.new("L", (28, 28), 90).save(tmp_path / digit / "a.png")
    (tmp_path / "1" / "bad.png").write_bytes(b"not a picture")
    result = mnistry_command("data", tmp_path)
    assert result.code == 8
    assert "bad.png" in result.err
    assert "(2, 28, 28)" in result.out
