import bz2
import csv as standard_csv
import gzip
import lzma
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnistry.datasets import csv, csv_rows, decompress, sniff, text_files
from mnistry.datasets.dataset import Origin
from mnistry.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 784), np.uint8)
EMPTY_AT_THE_EDGE = IMAGES * (np.arange(784) % 783 > 0)  # the first and the last pixel are 0
LABELS = [7, 2, 1, 0]
HEADER = ",".join(("label", *csv.PIXELS))


def row(label, pixels):
    return ",".join(str(value) for value in (label, *pixels))


def rows():
    return [row(label, pixels) for label, pixels in zip(LABELS, IMAGES, strict=True)]


def save(path, lines, end="\n", encoding="utf-8"):
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def assert_refused(path, *words):
    with pytest.raises(DataError) as caught:
        csv.read(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


def with_value(value, column=13, line=2):
    """Return the rows with one value replaced; column 0 is the label."""
    lines = rows()
    fields = lines[line].split(",")
    fields[column] = value
    lines[line] = ",".join(fields)
    return lines


def assert_read(path):
    dataset = csv.read(path)
    train, test = dataset.train, dataset.test
    assert test is None
    np.testing.assert_array_equal(train.images.reshape(-1, 784), IMAGES)
    assert train.labels.tolist() == LABELS


def test_labelled_file_is_a_training_split(tmp_path):
    assert_read(save(tmp_path / "train.csv", [HEADER, *rows()]))


def test_last_line_may_lack_its_end(tmp_path):
    path = save(tmp_path / "train.csv", [HEADER, *rows()])
    path.write_bytes(path.read_bytes()[:-1])
    assert_read(path)


def test_empty_lines_are_passed_over(tmp_path):
    first, *others = rows()
    assert_read(save(tmp_path / "train.csv", [HEADER, first, "", *others, "", ""]))


def test_quoted_column_names(tmp_path):
    header = ",".join(f'"{name}"' for name in HEADER.split(","))
    assert_read(save(tmp_path / "train.csv", [header, *rows()]))


def test_leading_zeros(tmp_path):
    lines = [",".join(field.zfill(4) for field in line.split(",")) for line in rows()]
    assert_read(save(tmp_path / "train.csv", [HEADER, *lines]))


def test_spaces_and_signs_that_change_no_value(tmp_path):
    lines = [line.replace(",", ", ").replace(" 7,", " +7,") for line in rows()]
    assert_read(save(tmp_path / "train.csv", [HEADER, *lines]))


@pytest.mark.parametrize("size", [1, 3000, 5000])
def test_pieces_of_any_size_give_the_same(tmp_path, monkeypatch, size):
    monkeypatch.setattr(text_files, "BLOCK", size)
    monkeypatch.setattr(decompress, "CHUNK", 1000)
    assert_read(save(tmp_path / "train.csv", [HEADER, *rows()]))


@pytest.mark.parametrize(("value", "words"), [("x", "column pixel12"), ("1,1", "786 values")])
def test_fault_105_rows_are_counted_over_all_pieces(tmp_path, monkeypatch, value, words):
    # Before the wrong row are the header, 10 times 4 rows and an empty line, and 3 rows: 54.
    monkeypatch.setattr(text_files, "BLOCK", 3000)
    monkeypatch.setattr(decompress, "CHUNK", 1000)
    before = [*rows(), ""] * 10
    path = save(tmp_path / "train.csv", [HEADER, *before, *with_value(value, line=3), *before])
    assert_refused(path, "row 55", words)


@pytest.mark.parametrize("missing", [0, 400, 783])
def test_fault_28_pixel_missing(tmp_path, missing):
    header = ",".join(name for name in HEADER.split(",") if name != f"pixel{missing}")
    lines = [line.rpartition(",")[0] for line in rows()]
    path = save(tmp_path / "train.csv", [header, *lines])
    # Without the first or last pixel, the names still count up in steps of 1.
    expected = "expected 785" if missing in (0, 783) else f"expected 'pixel{missing}'"
    assert_refused(path, "row 1", expected)


def test_fault_28_pixels_reordered(tmp_path):
    header = HEADER.replace("pixel5,pixel6", "pixel6,pixel5")
    path = save(tmp_path / "train.csv", [header, *rows()])
    assert_refused(path, "row 1", "column 7 is 'pixel6'", "expected 'pixel5'")


def test_no_header_and_no_column_that_is_clearly_the_label(tmp_path):
    path = save(tmp_path / "train.csv", [row(7, np.full(784, 9)), row(1, np.full(784, 8))])
    assert_refused(path, "no header", "label,pixel0", "add a first line")


def test_fault_29_file_without_labels_is_to_be_predicted(tmp_path):
    lines = [line.partition(",")[2] for line in (HEADER, *rows())]
    dataset = csv.read(save(tmp_path / "test.csv", lines))
    train, test = dataset.train, dataset.test
    assert train is None
    assert test.labels is None
    np.testing.assert_array_equal(test.images.reshape(-1, 784), IMAGES)


@pytest.mark.parametrize(
    "value", ["256", "999", "-1", "1.5", "NaN", "", " ", "1e3", "1" * 20, "1\r", "--5"]
)
def test_fault_30_not_a_pixel_value(tmp_path, value):
    path = save(tmp_path / "train.csv", [HEADER, *with_value(value)])
    shown = repr(value) if value.strip(" ") else "empty"
    assert_refused(path, "row 4, column pixel12", shown, "0 to 255")


def test_fault_30_not_a_label(tmp_path):
    path = save(tmp_path / "train.csv", [HEADER, *with_value("10", column=0)])
    assert_refused(path, "row 4, column label", "10 is not a label", "0 to 9")


@pytest.mark.parametrize(("change", "count"), [("1,", 786), ("", 784)])
def test_fault_31_ragged_row(tmp_path, change, count):
    lines = rows()
    lines[1] = change + lines[1] if change else lines[1].rpartition(",")[0]
    path = save(tmp_path / "train.csv", [HEADER, *lines])
    assert_refused(path, "row 3", f"{count} values")


@pytest.mark.parametrize("separator", [";", "\t", " "])
def test_another_separator_in_one_place(tmp_path, separator):
    lines = rows()
    lines[2] = separator.join(lines[2].split(",", 1))
    path = save(tmp_path / "train.csv", [HEADER, *lines])
    assert_refused(path, "row 4")


def test_fault_31_two_ragged_rows_that_make_up_for_each_other(tmp_path):
    lines = rows()
    lines[1] += ",0"
    lines[2] = lines[2].rpartition(",")[0]
    path = save(tmp_path / "train.csv", [HEADER, *lines])
    assert_refused(path, "row 3", "786 values", "expected 785")


def test_fault_32_nul_byte(tmp_path):
    path = save(tmp_path / "train.csv", [HEADER, *with_value("1\0")])
    assert_refused(path, "row 4, column pixel12", r"'1\x00'", "copy it again")


def test_fault_33_byte_order_mark_and_windows_line_ends(tmp_path):
    assert_read(save(tmp_path / "train.csv", [HEADER, *rows()], end="\r\n", encoding="utf-8-sig"))


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("index", [False, True])
def test_pandas_default_numbers_of_columns_are_not_names(tmp_path, first, index):
    own = [f"{label},{','.join(map(str, image))}" for label, image in enumerate(EMPTY_AT_THE_EDGE)]
    header = ",".join(str(i) for i in range(first, first + 785))
    lines = [f",{header}", *(f"{i},{line}" for i, line in enumerate(own))] if index else None
    dataset = csv.read(save(tmp_path / "train.csv", lines or [header, *own]))
    np.testing.assert_array_equal(dataset.train.images.reshape(-1, 784), EMPTY_AT_THE_EDGE)
    assert dataset.train.labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "name", ["pixel{0:03}", "px{1}", "{2}_{3}", "p{2}_{3}", "{4}x{5}", "pixel.{0}", "{0}"]
)
def test_pixels_named_by_place_or_by_row_and_column(tmp_path, name):
    names = [name.format(i, i + 1, i // 28, i % 28, i // 28 + 1, i % 28 + 1) for i in range(784)]
    assert_read(save(tmp_path / "train.csv", [",".join(["label", *names]), *rows()]))


def test_a_column_that_may_be_the_label_is_named_in_a_notice(tmp_path):
    path = save(tmp_path / "a.csv", [HEADER.replace("label", "what"), *rows()])
    (notice,) = csv.read(path).notices
    assert "if one of the others has them (what), give --labels NAME" in notice
    dataset = sniff.read(path, Origin(labels="what"))
    assert dataset.train.labels.tolist() == LABELS
    path = save(tmp_path / "b.csv", [HEADER.replace("label", "ImageId"), *rows()])
    assert csv.read(path).notices == ()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_other_encodings_of_unicode(tmp_path, monkeypatch, encoding, size):
    monkeypatch.setattr(decompress, "CHUNK", size)
    path = save(tmp_path / "train.csv", [HEADER, *rows()], end="\r\n", encoding=encoding)
    dataset = sniff.read(path)
    np.testing.assert_array_equal(dataset.train.images.reshape(-1, 784), IMAGES)
    path.write_bytes(path.read_bytes()[:-1])
    if encoding != "utf-16-be":  # there only half of the line feed is missing
        assert_refused(path, f"damaged {encoding.upper()}", "save it again as CSV with UTF-8")


def test_carriage_returns_alone_end_lines(tmp_path):
    assert_read(save(tmp_path / "train.csv", [HEADER, *rows()], end="\r"))


@pytest.mark.parametrize("before", ["", " ", "# by me", "sep=,", '"sep=,"'])
def test_lines_before_the_header_are_passed_over_and_counted(tmp_path, before):
    assert_read(save(tmp_path / "train.csv", [before, before, HEADER, *rows()]))
    path = save(tmp_path / "train.csv", [before, before, HEADER, *with_value("x")])
    assert_refused(path, "row 6, column pixel12")  # 2 lines, the header, and the third row


def test_comments_without_end_are_refused(tmp_path):
    path = save(tmp_path / "train.csv", ["#"] * 100_000)
    assert_refused(path, "no table in the first 1,000 lines")


def test_a_header_that_begins_with_p1_is_not_taken_for_a_pbm_picture(tmp_path):
    header = " ".join(["label", *(f"P{i}" for i in range(1, 785))])
    lines = [line.replace(",", " ") for line in rows()]
    path = save(tmp_path / "train.txt", [header.removeprefix("label "), *lines])
    assert_refused(path, "row 2: 785 values; expected 784")
    assert len(sniff.read(save(tmp_path / "a.txt", [header, *lines])).train.images) == 4
    with pytest.raises(DataError, match="row 2: 785 values"):
        sniff.read(path)


def test_the_header_of_numpy_is_a_comment(tmp_path):
    assert_read(save(tmp_path / "train.csv", [f"# {HEADER}", *rows()]))


def test_a_separator_after_the_last_value(tmp_path):
    assert_read(save(tmp_path / "train.csv", [HEADER, *(f"{line}," for line in rows())]))
    assert_read(save(tmp_path / "train.csv", [f"{HEADER},", *(f"{line}," for line in rows())]))
    path = save(tmp_path / "train.csv", [f"{line},".replace(",0,", ",,", 1) for line in rows()])
    assert_refused(path, "the field is empty")


def test_rows_without_any_value_are_passed_over(tmp_path):
    assert_read(save(tmp_path / "train.csv", [HEADER, *rows(), "," * 784, "," * 784]))


def test_single_quotes(tmp_path):
    lines = [",".join(f"'{field}'" for field in line.split(",")) for line in (HEADER, *rows())]
    assert_read(save(tmp_path / "train.csv", lines))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_in_several_streams(tmp_path, pack):
    text = "".join(line + "\n" for line in (HEADER, *rows())).encode()
    packed = pack(text[:900]) + pack(b"") + pack(text[900:])
    path = tmp_path / "train.csv.packed"
    path.write_bytes(packed)
    assert_read(path)
    path.write_bytes(packed + b"junk")
    assert_refused(path, "byte")
    path.write_bytes(packed[:-5])
    assert_refused(path, "byte")


@pytest.mark.parametrize("value", ["1" * 200_000, "1" * 3_000_000])
def test_fault_34_long_field(tmp_path, value):
    path = save(tmp_path / "train.csv", [HEADER, *with_value(value)])
    assert_refused(path, "row 4")


def test_fault_34_endless_line_is_not_kept_in_memory(tmp_path):
    path = tmp_path / "train.csv"
    with path.open("wb") as file:
        file.write(HEADER.encode() + b"\n")
        file.truncate(300_000_000)
    tracemalloc.start()
    assert_refused(path, "row 2", "the line is too long")
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("value", ["\N{ARABIC-INDIC DIGIT FIVE}", "1_0", "\N{SUPERSCRIPT TWO}"])
def test_fault_35_other_digits(tmp_path, value):
    path = save(tmp_path / "train.csv", [HEADER, *with_value(value)])
    assert_refused(path, "row 4, column pixel12", value)


def test_fault_36_empty_file(tmp_path):
    (tmp_path / "train.csv").touch()
    assert_refused(tmp_path / "train.csv", "the file is empty")


def test_fault_36_header_alone(tmp_path):
    assert_refused(save(tmp_path / "train.csv", [HEADER]), "no images")


def test_4200_rows_take_little_memory(tmp_path):
    path = tmp_path / "train.csv"
    line = row(3, np.full(784, 128)) + "\n"
    with path.open("w") as file:
        file.write(HEADER + "\n")
        file.writelines(line for _ in range(4200))
    size = path.stat().st_size
    tracemalloc.start()
    assert len(csv.read(path).train.images) == 4200
    # A tenth of Kaggle's file: the text is 13 MB, the arrays are 3 MB.
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert size > 13_000_000


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_data_error(tmp_path, data):
    content = bytearray("".join(f"{line}\n" for line in (HEADER, *rows())).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        replaced = data.draw(st.integers(0, 2))
        content[place : place + replaced] = data.draw(st.binary(max_size=3))
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    try:
        dataset = csv.read(path)
        train, test = dataset.train, dataset.test
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert (train or test).images.shape[1:] == (28, 28)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@example([['0"', "0"]])
@given(st.lists(st.lists(st.text('0123456789 +-._"', max_size=4), max_size=3), max_size=4))
def test_the_quick_way_reads_what_looking_at_each_value_reads(lines):
    """A value is either read as Python's float reads it, or named as wrong."""
    text = "".join(",".join(fields) + "\n" for fields in lines)
    layout = csv_rows.Layout(("label", "pixel0"), (1, 2))
    try:
        blocks = list(csv_rows.read_blocks([text.encode()], layout, "x", row=1))
    except DataError as error:
        assert "x, row" in str(error)
    else:
        pixels = [value for block in blocks for value in block.pixels[:, 0].tolist()]
        # A quote within a field that does not begin with one is text.
        wanted = list(standard_csv.reader(line for line in text.splitlines() if line.strip(" ,")))
        assert pixels == [float(fields[1].strip(' "')) for fields in wanted]
        labels = [str(value) for block in blocks for value in block.others[0].tolist()]
        for label, fields in zip(labels, wanted, strict=True):
            plain = fields[0].strip(" ")
            assert label == plain or float(label) == float(plain)


@pytest.mark.parametrize("names", [[f"label_{i}" for i in range(8)], list("01234567")])
def test_one_hot_columns_hold_the_labels(tmp_path, names):
    header = ",".join(("writer2", *names, *csv.PIXELS))
    hot = np.eye(8, dtype=int)[LABELS]
    lines = [row(f"5,{','.join(map(str, h))}", x) for h, x in zip(hot, IMAGES, strict=True)]
    dataset = csv.read(save(tmp_path / "data.csv", [header, *lines]))
    assert dataset.train.labels.tolist() == LABELS
    np.testing.assert_array_equal(dataset.train.images.reshape(-1, 784), IMAGES)
    assert dataset.extra["train"]["writer2"].tolist() == [5] * 4


def test_booleans_are_refused_with_the_numbers_to_write(tmp_path):
    lines = [HEADER, row(7, (IMAGES[0] > 127).tolist())]
    path = save(tmp_path / "data.csv", lines)
    with pytest.raises(DataError, match=r"column pixel0: '(True|False)' .* pixels \* 255"):
        csv.read(path)
