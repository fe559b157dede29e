import numpy as np
import pytest
from PIL import Image

from mnistry.datasets import folder, sniff
from mnistry.datasets.dataset import Origin
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


def test_pictures_whose_names_have_no_ending_are_told_by_their_content(root):
    for path in sorted(root.rglob("*.png")):
        path.rename(path.with_suffix(""))
    (root / "3" / "README").write_text("two threes")
    dataset = folder.read(root)
    assert dataset.train.labels.tolist() == [3, 3, 7]
    assert (len(dataset.notices), dataset.failures) == (1, ())
    assert "3/README" in dataset.notices[0]


def test_train_and_test_folders_are_two_splits(tmp_path):
    save(tmp_path / "train" / "1" / "a.png", 110)
    save(tmp_path / "test" / "2" / "a.png", 120)
    train, test = folder.read(tmp_path)
    assert (train.labels.tolist(), test.labels.tolist()) == ([1], [2])
    assert (train.images[0, 0, 0], test.images[0, 0, 0]) == (110, 120)


def test_files_elsewhere_are_counted_and_hidden_ones_passed_over(root):
    (root / "README.txt").touch()
    (root / ".DS_Store").touch()
    (root / "3" / ".hidden").touch()
    save(root / "3" / "more" / "c.png")
    assert folder.read(root).notices == (
        "skipped 2 files and folders where no images are expected: README.txt, 3/more",
    )


@pytest.mark.parametrize("name", ["cat", "03", "digit_4", "\N{ARABIC-INDIC DIGIT THREE}"])
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
    assert bad.startswith("3/bad.png: a text file")
    assert large == "7/large.png: 20x30 pixels; expected 28x28"


def test_fault_39_no_image_is_readable(tmp_path):
    save(tmp_path / "3" / "large.png", shape=(30, 20))
    with pytest.raises(DataError, match=r"none of 1 images could be read; the first: 3/large"):
        folder.read(tmp_path)


def test_empty_folder(tmp_path):
    with pytest.raises(DataError, match="no images"):
        folder.read(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ("digit_3", "digit_7"), ("class3", "class7"), ("Class 3", "class 7"), ("three", "Seven"),
        ("03", "07"), ("3 - three", "7 - seven"), ("Sample004", "Sample008"),
    ],
)  # fmt: skip
def test_folders_of_digits_under_other_names(tmp_path, names):
    for value, name in zip((31, 71), names, strict=True):
        save(tmp_path / name / "a.png", value)
    (tmp_path / "notes").mkdir()
    train, _ = folder.read(tmp_path)
    assert train.labels.tolist() == [3, 7]
    assert train.images[:, 0, 0].tolist() == [31, 71]


@pytest.mark.parametrize(("name", "labels"), [("7", [7]), ("digit_7", [7]), ("scans", None)])
def test_a_single_folder_is_a_class_if_it_is_named_as_a_digit(tmp_path, name, labels):
    save(tmp_path / name / "a.png", 71)
    found = folder.read(tmp_path).splits()["train" if labels else "test"]
    assert (None if found.labels is None else found.labels.tolist()) == labels


def test_folders_of_names_are_classes_in_alphabetical_order(tmp_path):
    for value, name in ((70, "wo"), (60, "ki"), (50, "su")):
        save(tmp_path / name / "a.png", value)
    dataset = folder.read(tmp_path)
    assert dataset.classes == ("ki", "su", "wo")
    assert dataset.train.labels.tolist() == [0, 1, 2]
    assert dataset.train.images[:, 0, 0].tolist() == [60, 50, 70]


@pytest.mark.parametrize("names", [("train", "test", "valid"), ("Training", "Testing", "val")])
@pytest.mark.parametrize("order", ["{part}/{label}", "{label}/{part}", "digits/{part}/{label}"])
def test_splits_above_or_below_the_classes(tmp_path, names, order):
    for part, name in enumerate(names, start=1):
        for label in (3, 7):
            path = tmp_path / order.format(part=name, label=label)
            save(path / "a.png", 100 + 10 * part + label)
    dataset = folder.read(tmp_path)
    splits = (dataset.train, dataset.test, dataset.validation)
    for part, split in enumerate(splits, start=1):
        assert split.labels.tolist() == [3, 7]
        assert split.images[:, 0, 0].tolist() == [103 + 10 * part, 107 + 10 * part]


def test_pictures_without_classes_are_to_be_predicted(tmp_path):
    for name in ("b.png", "a.png"):
        save(tmp_path / "digits" / name, ord(name[0]))
    (tmp_path / "digits" / "README.md").touch()
    dataset = folder.read(tmp_path / "digits")
    assert dataset.train is None
    assert dataset.test.labels is None
    assert dataset.test_files == ("a.png", "b.png")
    assert dataset.test.images[:, 0, 0].tolist() == [97, 98]


def test_fault_110_pictures_of_mixed_sizes_are_refused_with_a_remedy_that_works(tmp_path):
    for label, shape in ((3, (28, 28)), (3, (40, 30)), (7, (61, 61))):
        page = np.full(shape, 230, np.uint8)
        page[8:-8, 12:15] = 20
        path = tmp_path / str(label) / f"{shape[0]}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(page).save(path)
    with pytest.raises(DataError, match=r"2 of 3 pictures do not have 28x28 pixels.*--fit"):
        folder.read(tmp_path)
    train, _ = folder.read(tmp_path, Origin(fit=True))
    assert train.labels.tolist() == [3, 3, 7]
    for image in train.images:  # a bar of 20 pixels, white on black; soft at its ends
        assert (image.max(axis=1) > 60).sum() == 20
        assert image[0, 0] == 0


def test_fault_107_a_list_of_files_that_leaves_the_folder_is_refused(tmp_path):
    save(tmp_path / "secret.png")
    save(tmp_path / "data" / "a.png")
    table = tmp_path / "data" / "labels.csv"
    for name in ("../secret.png", str(tmp_path / "secret.png"), "missing.png", "a\0.png"):
        with pytest.raises(DataError, match=r"labels.csv, picture 2: there is no picture"):
            folder.table_source(table, [("a.png", "3"), (name, "7")])


def test_a_list_of_files_and_labels(tmp_path):
    save(tmp_path / "images" / "a.png", 31)
    save(tmp_path / "images" / "b.png", 71)
    table = tmp_path / "labels.csv"
    table.write_text("id,file_name,label\n1,b.png,7\n2,images/a.png,3\n")
    train, _ = sniff.read(table)
    assert train.labels.tolist() == [7, 3]
    assert train.images[:, 0, 0].tolist() == [71, 31]


def listed(folder, part, labels, ending=".png"):
    rows = ["id,label"]
    for i, label in enumerate(labels):
        image = np.zeros((28, 28), np.uint8)
        image[4:24, 6 + label : 9 + label] = 200
        (folder / part).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / part / f"{i}.png")
        rows.append(f"{i}{ending},{label}")
    (folder / f"{part}.csv").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("ending", [".png", ""])
def test_tables_of_both_splits_find_their_own_pictures_by_the_same_names(tmp_path, ending):
    listed(tmp_path, "train", [3, 1, 2], ending)
    listed(tmp_path, "test", [9, 8], ending)
    train, test = sniff.read(tmp_path)
    for split, labels in ((train, [3, 1, 2]), (test, [9, 8])):
        assert split.labels.tolist() == labels
        columns = split.images.any(axis=1).argmax(axis=1)
        assert columns.tolist() == [6 + label for label in labels]


def test_a_listed_split_whose_pictures_are_missing_is_not_read_from_the_other(tmp_path):
    listed(tmp_path, "train", [3, 1, 2])
    listed(tmp_path, "test", [9, 8])
    for path in (tmp_path / "test").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"no picture 0\.png"):
        sniff.read(tmp_path / "test.csv")


def test_pictures_of_zeros_and_ones_are_scaled_and_fitted(tmp_path):
    for label in range(3):
        image = np.zeros((40, 40), np.uint8)
        image[5:35, 18:22] = 1
        (tmp_path / str(label)).mkdir()
        Image.fromarray(image).save(tmp_path / str(label) / "a.png")
    train, _ = folder.read(tmp_path, Origin(fit=True))
    assert train.images.max() > 200
