import numpy as np
import pytest
from PIL import Image

from mnistry.datasets import folder
from mnistry.errors import DataError


def save(path, value=200, shape=(28, 28)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, np.uint8)).save(path)
    return path


@pytest.fixture
def root(tmp_path):
    """Two images of a three and one of a seven."""
    save(tmp_path / "digits" / "7" / "a.png", 71)
    save(tmp_path / "digits" / "3" / "b.png", 32)
    save(tmp_path / "digits" / "3" / "a.png", 31)
    return tmp_path / "digits"


def test_class_folders_are_a_training_split_in_order(root):
    dataset = folder.read(root)
    assert dataset.name == "digits"
    assert dataset.test is None
    assert dataset.train.labels.tolist() == [3, 3, 7]
    assert dataset.train.images[:, 0, 0].tolist() == [31, 32, 71]
    assert dataset.train.images.shape == (3, 28, 28)
    assert dataset.notices == dataset.failures == ()


def test_train_and_test_folders_are_two_splits(tmp_path):
    save(tmp_path / "train" / "1" / "a.png", 10)
    save(tmp_path / "test" / "2" / "a.png", 20)
    train, test = folder.read(tmp_path)
    assert (train.labels.tolist(), test.labels.tolist()) == ([1], [2])
    assert (train.images[0, 0, 0], test.images[0, 0, 0]) == (10, 20)


def test_files_elsewhere_are_counted_and_hidden_ones_passed_over(root):
    (root / "README.txt").touch()
    (root / ".DS_Store").touch()
    (root / "3" / ".hidden").touch()
    save(root / "3" / "more" / "c.png")
    assert folder.read(root).notices == (
        "skipped 2 files and folders where no images are expected",
    )


@pytest.mark.parametrize("name", ["cat", "10", "03", "\N{ARABIC-INDIC DIGIT THREE}"])
def test_fault_37_folder_that_is_no_class(root, name):
    save(root / name / "a.png")
    with pytest.raises(DataError, match="a folder") as caught:
        folder.read(root)
    assert name in str(caught.value)
    assert "0 to 9" in str(caught.value)


def test_fault_37_class_folder_beside_train(tmp_path):
    save(tmp_path / "train" / "1" / "a.png")
    save(tmp_path / "3" / "a.png")
    with pytest.raises(DataError, match="only train and test"):
        folder.read(tmp_path)


def test_fault_38_links_out_and_loops_are_skipped_and_counted(root, tmp_path):
    outside = save(tmp_path / "elsewhere" / "secret.png", 99)
    (root / "3" / "out.png").symlink_to(outside)
    (root / "3" / "loop.png").symlink_to(root / "3" / "loop.png")
    (root / "3" / "nowhere.png").symlink_to(root / "3" / "missing.png")
    (root / "4").symlink_to(outside.parent, target_is_directory=True)
    (root / "5").symlink_to(root, target_is_directory=True)
    dataset = folder.read(root)
    assert dataset.train.images[:, 0, 0].tolist() == [31, 32, 71]
    assert dataset.notices == (
        "skipped 5 links that are broken, circular or lead out of the folder",
    )
    assert dataset.failures == ()


def test_fault_38_links_within_the_folder_are_read(root):
    (root / "3" / "c.png").symlink_to(root / "7" / "a.png")
    assert folder.read(root).train.images[:, 0, 0].tolist() == [31, 32, 71, 71]


def test_root_may_be_a_link(root, tmp_path):
    (tmp_path / "link").symlink_to(root, target_is_directory=True)
    assert len(folder.read(tmp_path / "link").train.images) == 3


def test_fault_39_unreadable_images_are_listed_and_the_rest_read(root):
    (root / "3" / "bad.png").write_bytes(b"no image")
    save(root / "7" / "large.png", shape=(30, 20))
    dataset = folder.read(root)
    assert dataset.train.images[:, 0, 0].tolist() == [31, 32, 71]
    bad, large = dataset.failures
    assert bad.startswith("3/bad.png: no image of an accepted format")
    assert large == "7/large.png: 20x30 pixels; expected 28x28"


def test_fault_39_no_image_is_readable(tmp_path):
    save(tmp_path / "3" / "large.png", shape=(30, 20))
    with pytest.raises(DataError, match=r"none of 1 images could be read; the first: 3/large"):
        folder.read(tmp_path)


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no images"):
        folder.read(tmp_path)
