"""A file that is no picture: the message says what it is, and the command that mends it."""

import base64
import io
import subprocess
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mnistry.errors import DataError
from mnistry.images.sources import one_page
from mnistry.system.file_kinds import Kind, kind_of

GREYS = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def pillow(form: str) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(GREYS)
    (image.convert("1") if form == "XBM" else image).save(file, form)
    return file.getvalue()


def archive(*names: str, first: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as inside:
        if first:
            inside.writestr("mimetype", first)
        for name in names:
            inside.writestr(name, bytes(2000))
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, GREYS)
    return file.getvalue()


OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
FILES = {
    "page.png": (b"\n<!DOCTYPE html>\n<html>", "a web page", "download the picture"),
    "xhtml.png": (b'<?xml version="1.0"?><html>', "a web page", "download the picture"),
    "drawing.svg": (b'<?xml version="1.0"?>\n<!-- by hand -->\n<svg>', "an SVG", "rsvg-convert"),
    "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
    "a.jp2": (pillow("JPEG2000"), "a JPEG 2000 picture", "magick a.jp2 a.png"),
    "a.tga": (pillow("TGA"), "a TGA picture", "magick tga:a.tga a.png"),
    "tga.png": (pillow("TGA"), "a TGA picture", "magick tga:tga.png tga-2.png"),
    "a.ico": (pillow("ICO"), "an icon", "magick a.ico a.png"),
    "a.pcx": (pillow("PCX"), "a rare format", "magick a.pcx a.png"),
    "a.sgi": (pillow("SGI"), "a rare format", "magick a.sgi a.png"),
    "a.xbm": (pillow("XBM"), "a rare format", "magick a.xbm a.png"),
    "a.eps": (pillow("EPS"), "PostScript", "ps2pdf a.eps a.pdf"),
    "a.cr3": (b"\0\0\0\x18ftypcrx " + bytes(99), "raw picture", "export it as JPEG"),
    "film.mov": (b"\0\0\0\x14ftypqt  " + bytes(99), "a video", "ffmpeg -i film.mov -frames:v 1"),
    "x.npz": (archive("x_train.npy"), "NumPy arrays", "mnistry evaluate RUN --data x.npz"),
    "x.npy": (npy(), "NumPy arrays", "mnistry predict RUN x.npy"),
    "x.csv": (b"label,pixel0\r\n7,0\r\n", "a text file", "mnistry predict RUN x.csv"),
    "x.json": (b'[{"label": 7}]', "JSON", "mnistry data x.json"),
    "x.idx": (b"\0\0\x08\x03\0\0\0\x01", "an IDX file", "mnistry data x.idx"),
    "x.parquet": (b"PAR1" + bytes(99), "Parquet", "mnistry data x.parquet"),
    "w.docx": (archive("[Content_Types].xml", "word/document.xml"), "a word", "read w.pdf"),
    "w.xlsx": (archive("[Content_Types].xml", "xl/workbook.xml"), "a spreadsheet", "read w.pdf"),
    "w.odt": (archive(first=OPEN_DOCUMENT + "text"), "a word", "mnistry read w.pdf"),
    "w.ods": (archive(first=OPEN_DOCUMENT + "spreadsheet"), "a spreadsheet", "w.pdf"),
    "w.zip": (archive("scans/1.png"), "an archive", "unpack it"),
    "m.keras": (archive("config.json", "model.weights.h5"), "a Keras model", "mnistry adopt"),
    "zeros.jpg": (bytes(5000), "only zero bytes", "copy or download it again"),
    "my notes.txt": (b"three men", "a text file", "mnistry data 'my notes.txt'"),
    "mz.txt": (b"mz, ifh and fea1 are three words", "a text file", "mnistry data mz.txt"),
    "a.miff": (b"id=ImageMagick  version=1.0\n", "a rare format", "magick a.miff a.png"),
    "shout.png": (b"<!DocType HTML><HTML>", "a web page", "download the picture"),
    "a.jls": (b"\xff\xd8\xff\xf7\0\x0b\x08", "a rare format", "magick a.jls a.png"),
    "noise.png": (bytes(range(8, 256)) * 9, "no image of an accepted format", "save it as PNG"),
}


@pytest.mark.parametrize("name", FILES)
def test_fault_53_a_file_is_named_with_the_command_that_mends_it(
    tmp_path, name, monkeypatch
) -> None:
    content, what, remedy = FILES[name]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        one_page(name)
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert what in message.partition("; expected PNG, JPEG")[0]
    assert remedy in message.partition(", PDF; ")[2]


def test_a_tiff_of_a_rare_kind_is_called_a_tiff(tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((9, 9), np.float64))
    with pytest.raises(DataError, match=r"a TIFF that .* rare kind; save it as PNG with 8 bits"):
        one_page(tmp_path / "a.tif")


def test_the_reason_of_a_damaged_heic_ends_with_a_word() -> None:
    content = (Path(__file__).parent / "heic" / "clear.heic").read_bytes()
    with pytest.raises(DataError, match=r"[\w)]; copy it again, or save it as PNG"):
        one_page(content[: len(content) // 2])


def test_content_without_a_name_is_told_too() -> None:
    with pytest.raises(DataError, match=r"the image: a TGA picture;.* magick tga:FILE FILE\.png"):
        one_page(pillow("TGA"))


@pytest.mark.parametrize("start", ["", "data:image/png;base64,"])
def test_base64_text_is_decoded_by_the_command_in_its_message(tmp_path, start, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(start + base64.b64encode(pillow("PNG")).decode())
    with pytest.raises(DataError, match="as base64 text") as caught:
        one_page("a.txt")
    command = str(caught.value).partition("decode it: ")[2].partition("; ")[0]
    subprocess.run(command, shell=True, check=True)  # noqa: S602 (what a user is told to type)
    np.testing.assert_array_equal(one_page("a.png").grey, one_page(GREYS).grey)


def test_no_accepted_format_is_taken_for_another() -> None:
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "PDF"):
        assert kind_of(pillow(form)) in (None, Kind.TEXT)
