import csv
import io
import json
import os
import re
import select
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import mnistry
from mnistry.cli import read
from mnistry.images.page_tasks import PageDecoder

MNISTRY = [sys.executable, "-m", "mnistry"]
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes and terminals")


@pytest.fixture(scope="module")
def digits() -> dict[int, np.ndarray]:
    """A clear real digit of each kind: uint8, 28x28, 0 for paper."""
    images, labels = mnistry.load("sample").train
    return {digit: images[labels == digit][0] for digit in range(10)}


@pytest.fixture(scope="module")
def page(digits) -> Callable[..., np.ndarray]:
    """Write lines of digits on light paper, three times as large as MNIST's."""

    def write(*lines: str) -> np.ndarray:
        width = 90 * max(map(len, lines)) + 60
        paper = np.full((110 * len(lines) + 60, width), 225, np.uint8)
        for row, line in enumerate(lines):
            for column, digit in enumerate(line):
                ink = np.kron(digits[int(digit)], np.ones((3, 3), np.uint8))
                y, x = 40 + 110 * row, 30 + 90 * column
                part = paper[y : y + 84, x : x + 84]
                part[...] = np.minimum(part, 255 - ink)
        return paper

    return write


@pytest.fixture
def number(page, tmp_path) -> Path:
    """A page with two numbers."""
    path = tmp_path / "number.png"
    Image.fromarray(page("2046", "315")).save(path)
    return path


def broken(path: Path) -> Path:
    path.write_bytes(b"no picture")
    return path


def test_a_picture_is_printed_as_its_digits_line_by_line(mnistry_command, number) -> None:
    assert mnistry_command("read", number) == (0, "2046\n315\n", "")


def test_of_several_pictures_each_line_begins_with_the_file_name(
    mnistry_command, number, page, tmp_path
) -> None:
    Image.fromarray(page("7")).save(tmp_path / "seven.png")
    result = mnistry_command("read", tmp_path / "seven.png", number)
    assert result == (
        0,
        f"{tmp_path / 'seven.png'}: 7\n{number}: 2046\n{number}: 315\n",
        "",
    )


def test_json_has_the_fields_of_the_contract_in_order(mnistry_command, number) -> None:
    result = mnistry_command("read", number, "--jsonl")
    assert (result.code, result.err) == (0, "")
    assert result.out.count("\n") == 1
    value = json.loads(result.out)
    fields = ["file", "page", "size", "dpi", "turned", "corners", "lines", "text", "digits"]
    fields += ["numbers", "notes", "error"]
    assert list(value) == fields
    assert (value["file"], value["page"], value["error"]) == (str(number), 1, None)
    assert (value["size"], value["dpi"]) == ([420, 280], None)
    assert (value["lines"], value["text"]) == (["2046", "315"], "2046\n315")
    assert [digit["digit"] for digit in value["digits"]] == [2, 0, 4, 6, 3, 1, 5]
    assert [digit["line"] for digit in value["digits"]] == [0, 0, 0, 0, 1, 1, 1]
    first = value["digits"][0]
    assert list(first) == ["digit", "confidence", "box", "line", "candidates"]
    assert len(first["candidates"]) >= 3
    assert first["candidates"][0] == {"digit": 2, "confidence": first["confidence"]}
    x, y, width, height = first["box"]
    assert 30 <= x < x + width <= 114
    assert 40 <= y < y + height <= 124


def test_a_csv_table_has_a_row_per_file_as_rfc_4180_wants_it(
    mnistry_command, number, tmp_path
) -> None:
    bad = broken(tmp_path / 'a "bad", one.png')
    result = mnistry_command("read", "--csv", number, bad)
    assert result.out.startswith("file,page,text,confidence,error\r\n")
    assert result.out.endswith("\r\n")
    header, first, second = csv.reader(io.StringIO(result.out, newline=""))
    assert first[:3] == [str(number), "1", "2046\n315"]
    assert 0.5 < float(first[3]) <= 1
    assert first[4] == ""
    assert second[:4] == [str(bad), "1", "", ""]
    assert "a text file" in second[4]
    assert len(header) == len(first) == len(second)


def test_a_bad_picture_alone_exits_with_3_and_is_reported_in_json(
    mnistry_command, tmp_path
) -> None:
    bad = broken(tmp_path / "bad.png")
    result = mnistry_command("read", "--jsonl", bad)
    assert result.code == 3
    value = json.loads(result.out)
    assert result.err == f"mnistry: {value['error']}\n"
    assert value.pop("error").startswith(f"{bad}: a text file; expected PNG")
    unknown = {"size": None, "dpi": None, "turned": 0, "corners": None}
    nothing = {"lines": [], "text": "", "digits": [], "numbers": [], "notes": []}
    assert value == {"file": str(bad), "page": 1, **unknown, **nothing}


def test_a_bad_picture_among_several_stops_nothing(mnistry_command, number, tmp_path) -> None:
    bad, gone = broken(tmp_path / "bad.png"), tmp_path / "gone.png"
    result = mnistry_command("read", "--jsonl", bad, number, gone, number)
    assert result.code == 8
    values = [json.loads(line) for line in result.out.splitlines()]
    assert [value["text"] for value in values] == ["", "2046\n315", "", "2046\n315"]
    assert [value["error"] is None for value in values] == [False, True, False, True]
    assert result.err.count("\n") == 3
    assert "2 of 4 pictures could not be read" in result.err


def test_fault_101_a_folder_is_read_with_all_below_it_and_leaves_nothing_out_unnamed(
    mnistry_command, page, tmp_path
) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "scans"
    for path in (folder / "b.png", folder / "a.JPG", folder / "2026" / "c.png", outside / "d.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(page("4")).save(path)
    (folder / "b.png").rename(folder / "b.unknown")
    (folder / "Thumbs.db").write_text("nothing")
    (folder / "notes.txt").write_text("nothing")
    (folder / ".hidden.png").write_text("nothing")
    (folder / "out.png").symlink_to(outside / "d.png")
    (folder / "elsewhere").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    result = mnistry_command("read", folder)
    found = [line.removesuffix(": 4") for line in result.out.splitlines()]
    assert found == [str(folder / name) for name in (Path("2026") / "c.png", "a.JPG", "b.unknown")]
    *said, last = result.err.splitlines()
    assert [line.split(": ")[1] for line in said] == [
        str(folder / name) for name in ("elsewhere", "loop", "notes.txt", "out.png")
    ]
    assert "a text file" in said[2]
    assert "a link that leads out of the folder" in said[3]
    assert "4 of 7 pictures could not be read; the other 3 were" in last
    assert result.code == 8


def test_a_folder_without_pictures_is_bad_data(mnistry_command, tmp_path, number) -> None:
    (tmp_path / "none").mkdir()
    result = mnistry_command("read", tmp_path / "none")
    assert (result.code, result.out) == (3, "")
    assert "none: no pictures; expected PNG, JPEG" in result.err
    assert mnistry_command("read", tmp_path / "none", number).code == 8


def test_standard_input_is_one_picture(mnistry_command, number, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(number.read_bytes())))
    value = json.loads(mnistry_command("read", "-", "--jsonl").out)
    assert (value["file"], value["text"]) == ("-", "2046\n315")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no picture")))
    result = mnistry_command("read", "-")
    assert result.code == 3
    assert result.err.startswith("mnistry: standard input: a text file")


def test_what_is_below_the_threshold_is_a_question_mark(mnistry_command, number) -> None:
    result = mnistry_command("read", number, number, "--threshold", "1")
    assert "?" in result.out
    assert result.err.count("\n") == 1  # explained once
    assert "? is a mark that is not a digit, or is too uncertain" in result.err
    value = json.loads(mnistry_command("read", number, "--threshold", "1", "--jsonl").out)
    unsure = [digit for digit in value["digits"] if digit["digit"] is None]
    assert len(unsure) == value["text"].count("?") > 0
    assert all(0.5 < digit["candidates"][0]["confidence"] <= 1 for digit in unsure)
    assert mnistry_command("read", number, "--threshold", "0").out == "2046\n315\n"


@pytest.mark.parametrize(
    "arguments", [("--threshold", "1.5"), ("--jsonl", "--csv"), ("-", "-")], ids=" ".join
)
def test_what_makes_no_sense_is_a_usage_error(mnistry_command, number, arguments) -> None:
    result = mnistry_command("read", number, *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1


def test_a_run_and_its_file_read_the_same(mnistry_command, finished_run, number) -> None:
    by_run = mnistry_command("read", number, "--model", finished_run.path, "--jsonl")
    by_file = mnistry_command("read", number, "--model", finished_run.onnx_path, "--jsonl")
    assert by_run.code == 0
    assert by_run == by_file
    assert by_run.out != mnistry_command("read", number, "--jsonl").out


def external_data(run: mnistry.Run, folder: Path) -> Path:
    model = onnx.load(run.onnx_path)
    onnx.save(
        model, folder / "m.onnx", save_as_external_data=True, location="w", size_threshold=0
    )  # fmt: skip
    return folder / "m.onnx"


def custom_operator(run: mnistry.Run, folder: Path) -> Path:
    model = onnx.load(run.onnx_path)
    model.graph.node[0].domain = "com.evil"
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


def flipped_bits(run: mnistry.Run, folder: Path) -> Path:
    content = bytearray(run.onnx_path.read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)
    (folder / "run.json").write_bytes((run.path / "run.json").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("damage", "said"),
    [(external_data, "external data"), (custom_operator, "com.evil"), (flipped_bits, "damaged")],
    ids=["72", "73", "76"],
)
def test_fault_in_a_model(mnistry_command, finished_run, number, tmp_path, damage, said) -> None:
    (tmp_path / "bad").mkdir()
    path = damage(finished_run, tmp_path / "bad")
    result = mnistry_command("read", number, "--model", path)
    assert (result.code, result.out) == (5, "")
    assert result.err.startswith(f"mnistry: {path}")
    assert said in result.err
    assert result.err.count("\n") == 1


def test_a_model_that_is_neither_run_nor_file(mnistry_command, number, tmp_path) -> None:
    result = mnistry_command("read", number, "--model", tmp_path / "nothing")
    assert result.code == 5
    said = "nothing: no such file or folder; expected a .onnx file, or a run directory"
    assert said in result.err


def bomb(side: int) -> bytes:
    header = side.to_bytes(4, "big") * 2 + bytes([1, 0, 0, 0, 0])  # a bit a pixel
    rows = zlib.compress(bytes(side * (1 + -(-side // 8))), 1)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + checksum.to_bytes(4, "big")


def saved(array: np.ndarray, form: str, mode: str | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array, mode).save(file, form, **options)
    return file.getvalue()


def text_bomb(seven: np.ndarray) -> bytes:
    content = saved(seven, "PNG")
    body = b"Comment\0\0" + zlib.compress(bytes(100_000_000))
    return content[:33] + chunk(b"zTXt", body) + content[33:]


REFUSED: dict[str, tuple[str, Callable[[np.ndarray], bytes], str]] = {
    "43": ("a.png", lambda _: bomb(30_000), "too many pixels; expected at most 75 megapixels"),
    "44": ("a.png", lambda _: bomb(13_000), "too many pixels; expected at most 75 megapixels"),
    "46": ("a.pgm", lambda _: b"P5 0 0 255 ", "expected"),
    "90": ("a.pdf", lambda _: b"%PDF-1.7\n", "a damaged PDF"),
    "53 SVG": ("a.svg", lambda _: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PNG, JPEG"),
    "53 EPS": ("a.eps", lambda seven: saved(seven, "EPS"), "PNG, JPEG"),
    "91": ("a.heic", lambda _: b"\0\0\0\x18ftypheic\0\0\0\0", "a damaged image"),
    "55": ("a.jpg", lambda seven: saved(seven, "JPEG")[:-400], "a damaged image"),
    "56": ("a.png", text_bomb, "a damaged image"),
}


@pytest.mark.parametrize(("name", "content", "said"), REFUSED.values(), ids=REFUSED)
def test_fault_in_a_picture_is_one_line(
    mnistry_command, page, tmp_path, name, content, said
) -> None:
    (tmp_path / name).write_bytes(content(page("7")))
    result = mnistry_command("read", tmp_path / name)
    assert (result.code, result.out) == (3, "")
    assert result.err.startswith(f"mnistry: {tmp_path / name}: ")
    assert said in result.err
    assert result.err.count("\n") == 1


def test_what_libtiff_says_of_a_damaged_picture_is_not_passed_on(page, tmp_path) -> None:
    content = bytearray(saved(page("7"), "TIFF", compression="tiff_lzw"))
    content[20:60] = b"\xff" * 40
    (tmp_path / "a.tiff").write_bytes(content)
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a.png").write_bytes((tmp_path / "a.tiff").read_bytes())
    for command in (["read", "a.tiff"], ["doctor", "a.tiff"], ["data", "."]):
        result = subprocess.run([*MNISTRY, *command], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 3
        assert re.fullmatch(r"mnistry: .*damaged.*\n", result.stderr), command


@pytest.mark.parametrize(
    "picture",
    [
        np.full((1, 1), 7, np.uint8),
        np.full((1, 5000), 7, np.uint8),
        np.full((300, 400), 255, np.uint8),
        np.zeros((28, 28), np.uint8),
    ],
    ids=["45 1x1", "45 1x5000", "47 white", "47 black"],
)
def test_fault_without_ink_there_is_no_digit_and_no_guess(
    mnistry_command, tmp_path, picture
) -> None:
    path = tmp_path / "nothing.png"
    Image.fromarray(picture).save(path)
    value = json.loads(mnistry_command("read", path, "--jsonl").out)
    assert (value["lines"], value["digits"], value["error"]) == ([], [], None)
    why = "no digit found: nothing stands out from the paper"
    assert mnistry_command("read", path) == (0, "", f"note: {path}: {why}\n")


def transparent(seven: np.ndarray) -> bytes:
    ink = np.zeros((*seven.shape, 4), np.uint8)
    ink[..., 3] = 255 - seven
    return saved(ink, "PNG")


def four_inks(seven: np.ndarray) -> bytes:
    ink = np.zeros((*seven.shape, 4), np.uint8)
    ink[..., 3] = 255 - seven
    return saved(ink, "JPEG", "CMYK")


def lying(seven: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    return saved(np.rot90(seven), "PNG", exif=exif)


READ: dict[str, Callable[[np.ndarray], bytes]] = {
    "48": lambda seven: saved(seven.astype(np.uint16) * 257, "PNG"),
    "49": transparent,
    "50": four_inks,
    "51": lying,
    "51 broken": lambda seven: saved(seven, "PNG", exif=b"Exif\0\0garbage"),
    "54": lambda seven: saved(seven, "TIFF"),
    "57 dark on light": lambda seven: saved(seven, "PNG"),
    "57 light on dark": lambda seven: saved(255 - seven, "PNG"),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_fault_that_does_not_stop_reading(mnistry_command, page, tmp_path, content) -> None:
    (tmp_path / "seven.png").write_bytes(content(page("7")))
    assert mnistry_command("read", tmp_path / "seven.png") == (0, "7\n", "")


def test_fault_52_of_several_frames_the_first_is_read_with_a_note(
    mnistry_command, page, tmp_path
) -> None:
    path = tmp_path / "film.gif"
    Image.fromarray(page("7")).save(
        path, save_all=True, append_images=[Image.fromarray(page("3"))]
    )  # fmt: skip
    result = mnistry_command("read", path)
    assert result == (0, "7\n", f"note: {path}: several frames; the first is read\n")


def test_reading_imports_nothing_that_only_training_needs(finished_run, number) -> None:
    program = (
        "import sys; from mnistry import cli\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert not end.code, end\n"
        "heavy = {'keras', 'jax', 'matplotlib', 'onnx', 'sklearn', 'scipy', 'pandas'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    for model in ([], ["--model", str(finished_run.path)]):
        arguments = ["read", str(number), *model]
        subprocess.run([sys.executable, "-c", program, *arguments], check=True, timeout=60)


@POSIX
def test_networks_are_loaded_while_the_first_page_is_decoded(
    mnistry_command, number, monkeypatch
) -> None:
    both_began = threading.Barrier(2, timeout=20)

    def after_both_began(function: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **settings: object) -> object:
            both_began.wait()
            return function(*given, **settings)

        return call

    monkeypatch.setattr(read, "open_reader", after_both_began(read.open_reader))
    monkeypatch.setattr(PageDecoder, "decode", after_both_began(PageDecoder.decode))
    assert mnistry_command("read", number) == (0, "2046\n315\n", "")


def test_each_result_is_printed_before_the_next_picture_arrives(number, tmp_path) -> None:
    later = tmp_path / "later.png"
    os.mkfifo(later)
    command = [*MNISTRY, "read", "--jsonl", str(number), str(later)]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        try:
            assert select.select([process.stdout], [], [], 30)[0]
            assert json.loads(process.stdout.readline())["lines"] == ["2046", "315"]
            later.write_bytes(number.read_bytes())
            assert json.loads(process.stdout.readline())["lines"] == ["2046", "315"]
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0


@POSIX
def test_progress_is_drawn_on_the_terminal_and_not_in_the_output(number, tmp_path) -> None:
    import pty

    controller, terminal = pty.openpty()
    bad = broken(tmp_path / "bad.png")
    result = subprocess.run(
        [*MNISTRY, "read", str(number), str(bad), str(number)],
        stdout=subprocess.PIPE, stderr=terminal, text=True, timeout=60, check=False,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "300"},
    )  # fmt: skip
    os.close(terminal)
    shown = os.read(controller, 65536).decode()
    os.close(controller)
    assert result.stdout == f"{number}: 2046\n{number}: 315\n" * 2
    assert "3/3" in shown
    assert f"\r\x1b[2Kmnistry: {bad}: a text file" in shown  # on a line of its own
    assert result.returncode == 8


@pytest.fixture
def scan(page, tmp_path) -> Path:
    """A PDF of three pages."""
    path = tmp_path / "scan.pdf"
    first, *others = (Image.fromarray(page(text)) for text in ("2046", "7", "315"))
    first.save(path, resolution=150, save_all=True, append_images=others, quality=95)
    return path


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_page_is_a_result_with_its_number(mnistry_command, scan, number, jobs) -> None:
    shown = mnistry_command("read", scan, number, "--jobs", jobs)
    assert shown == (
        0,
        f"{scan}, page 1: 2046\n{scan}, page 2: 7\n{scan}, page 3: 315\n"
        f"{number}: 2046\n{number}: 315\n",
        "",
    )
    lines = mnistry_command("read", scan, number, "--jsonl", "--jobs", jobs).out.splitlines()
    values = [json.loads(line) for line in lines]
    assert [(value["file"], value["page"], value["text"]) for value in values] == [
        (str(scan), 1, "2046"), (str(scan), 2, "7"), (str(scan), 3, "315"),
        (str(number), 1, "2046\n315"),
    ]  # fmt: skip
    assert [(value["size"], value["dpi"]) for value in values[:2]] == [
        ([420, 170], 150), ([150, 170], 150),
    ]  # fmt: skip


def test_pages_are_chosen(mnistry_command, scan, number) -> None:
    assert mnistry_command("read", scan, "--pages", "2") == (0, "7\n", "")
    result = mnistry_command("read", scan, "--pages", "2-", "--csv")
    assert [line.split(",")[1:3] for line in result.out.splitlines()[1:]] == [
        ["2", "7"], ["3", "315"],
    ]  # fmt: skip
    both = mnistry_command("read", scan, number, "--pages", "3-")
    assert both.code == 8
    assert both.out == f"{scan}, page 3: 315\n"
    assert f"{number}: it has 1 page: none is chosen; leave --pages out" in both.err


def test_a_page_that_no_file_has_is_told_with_what_to_do(mnistry_command, number, tmp_path) -> None:
    shutil.copy(number, tmp_path / "b.png")
    result = mnistry_command("read", number, tmp_path / "b.png", "--pages", "2")
    assert result.code == 8
    first, _, last = result.err.splitlines()
    assert first.endswith(
        "no page 2; expected 1, its only page; leave --pages out, or choose others"
    )
    assert last == "mnistry: none of 2 pages could be read; the lines above say why"


def test_a_page_that_is_asked_for_by_number_and_missing_is_told(mnistry_command, scan) -> None:
    result = mnistry_command("read", scan, "--pages", "1,5", "--jsonl")
    assert result.code == 8
    assert [json.loads(line)["page"] for line in result.out.splitlines()] == [1, 5]
    assert "there is no page 5; expected 1 to 3" in result.err
    assert "1 of 2 pages could not be read; the other 1 were" in result.err


@pytest.mark.parametrize("pages", ["0", "3-1", "a", "1,,2", "-2", "1-2-3", "1 2", "٣"])
def test_what_names_no_pages_is_a_usage_error(mnistry_command, scan, pages) -> None:
    result = mnistry_command("read", scan, f"--pages={pages}")
    assert (result.code, result.out) == (2, "")
    assert "names no pages; expected numbers from 1 and ranges, such as 1,3-5,8-" in result.err


def test_a_document_on_standard_input_is_read_page_by_page(
    mnistry_command, scan, monkeypatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(scan.read_bytes())))
    result = mnistry_command("read", "-", "--jsonl", "--jobs", "2")
    assert [json.loads(line)["text"] for line in result.out.splitlines()] == ["2046", "7", "315"]


def test_bad_pictures_are_named_by_several_processes_too(mnistry_command, number, tmp_path) -> None:
    bad = broken(tmp_path / "bad.png")
    film = tmp_path / "film.gif"
    frames = [Image.open(number), Image.open(number)]
    frames[0].save(film, save_all=True, append_images=[Image.new("L", (420, 280))])
    for frame in frames:
        frame.close()
    result = mnistry_command("read", bad, number, film, "--jobs", "2")
    assert result.code == 8
    assert result.out == "".join(f"{name}: {n}\n" for name in (number, film) for n in (2046, 315))
    assert result.err.splitlines()[0].startswith(f"mnistry: {bad}: a text file")
    assert f"note: {film}: several frames; the first is read" in result.err
    assert "1 of 3 pictures could not be read" in result.err


def test_a_run_is_a_model_for_the_reader_too(finished_run, number) -> None:
    by_run = mnistry.Reader(model=finished_run.path, threads=1).read(number)
    assert by_run == mnistry.Reader(model=finished_run.onnx_path, threads=1).read(number)
    with pytest.raises(mnistry.errors.ModelError, match=r"a folder; expected a \.onnx file, or"):
        mnistry.Reader(model=number.parent)


def test_a_reader_reads_all_pages_and_any_one(scan, number) -> None:
    reader = mnistry.Reader(threads=1)
    found = [reading.text for reading in reader.read_all(scan, number)]
    assert found == ["2046", "7", "315", "2046\n315"]
    assert reader.read(scan, page=3).text == "315"
    with pytest.warns(mnistry.errors.Notice, match="3 pages; the first is read"):
        assert reader.read(scan).text == "2046"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a matter of Unix")
def test_a_pipe_in_a_folder_is_named_and_not_waited_for(mnistry_command, number, tmp_path) -> None:
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(number.read_bytes())
    result = mnistry_command("read", tmp_path)
    assert result.code == 8
    assert f"{tmp_path / 'a.png'}: a pipe, a socket or a device" in result.err
    assert "2046" in result.out
