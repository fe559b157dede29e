"""Documents and phones' pictures, page by page: PDF, HEIC, AVIF, TIFF, large JPEGs."""

import io
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistry.errors import DataError, Notice
from mnistry.images import formats, isolated
from mnistry.images.decode import Page, open_content, open_file
from tests.images.pdfs import drawn, scanned, stream
from tests.images.pdfs import pdf as written

HEIC = Path(__file__).with_name("heic")
# A page with a dark bar in its upper left corner: it shows how it is turned.
BAR = np.full((60, 90), 220, np.uint8)
BAR[6:18, 6:48] = 30


def page(content: bytes, number: int = 1, side: int | None = None) -> Page:
    with open_content(content, "it") as document:
        return document.page(number, side)


def refusal(content: bytes, number: int = 1) -> str:
    with pytest.raises(DataError) as caught:
        page(content, number, 1600)
    return str(caught.value)


def saved(image: np.ndarray | Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(file, form, **options)
    return file.getvalue()


def jpeg(width: int, height: int) -> bytes:
    return saved(np.full((height, width), 200, np.uint8), "JPEG")


def test_a_pdfs_pages_have_the_pixels_of_their_scans() -> None:
    scans = [Image.fromarray(BAR), Image.fromarray(255 - BAR)]
    content = saved(scans[0], "PDF", resolution=150, save_all=True, append_images=scans[1:])
    with open_content(content, "two.pdf") as document:
        assert document.count == 2
        for number, scan in enumerate(scans, 1):
            found = document.page(number)
            assert (found.number, found.size, found.dpi) == (number, (60, 90), 150)
            # PDFium may move an edge by a pixel.
            assert abs(found.grey - np.asarray(scan, np.float64)).mean() < 5


def test_a_pdf_at_600_dpi_is_drawn_as_small_as_it_is_needed() -> None:
    found = page(scanned(jpeg(4960, 7016), (4960, 7016), (595.2, 841.92)), side=1600)
    assert (found.size, found.grey.shape) == ((7016, 4960), (1754, 1240))  # a quarter
    assert found.dpi == 600


def test_a_pdf_page_is_turned_as_it_says() -> None:
    content = scanned(saved(BAR, "JPEG", quality=95), (90, 60), (90, 60), b"/Rotate 90")
    assert abs(page(content).grey - np.rot90(BAR, -1).astype(float)).mean() < 5


def test_a_pdf_page_without_a_scan_has_300_dpi() -> None:
    found = page(drawn(b"0 g 0 50 100 50 re f", (200, 100)))
    assert (found.size, found.dpi) == ((417, 833), 300)  # 100 and 200 points of 1/72 inch
    assert found.grey[100, 200] == 0
    assert found.grey[300, 200] == found.grey[100, 700] == 255


def test_what_is_typed_into_a_pdfs_form_field_is_drawn() -> None:
    field = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (count) /V (1) /F 4 /Rect [20 20 80 60]"
        b" /AP << /N 6 0 R >> >>"
    )
    form = {"Type": "/XObject", "Subtype": "/Form", "BBox": "[0 0 60 40]"}
    content = written(
        [
            b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [5 0 R] >> >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R"
            b" /Annots [5 0 R] >>",
            stream(b""),
            field,
            stream(b"0 g 0 0 60 40 re f", form),
        ]
    )
    grey = page(content).grey
    assert grey.shape == (417, 417)
    assert grey[250, 208] < 50
    assert grey[100, 208] == 255


@pytest.mark.parametrize("points", [14_173, 1e9], ids=["5 m", "350 km"])
def test_fault_90_a_huge_pdf_page_is_drawn_in_bounded_memory(points: float) -> None:
    found = page(drawn(b"", (points, points)), side=1600)
    assert max(found.size) ** 2 <= formats.MAX_PIXELS
    assert max(found.grey.shape) < 3200


def test_fault_90_what_a_pdf_would_run_is_not_run(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    action = b"<< /S /Launch /F (touch %s) /Next << /S /JavaScript /JS (app.alert\\(1\\)) >> >>"
    content = drawn(
        b"0 g 0 0 50 50 re f",
        catalogue=b"/OpenAction %s /AA << /WC %s >>" % ((action % str(seen).encode(),) * 2),
    )
    assert page(content).grey.min() == 0
    assert not seen.exists()


def test_fault_90_an_encrypted_pdf_is_told_with_a_remedy() -> None:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [] /Count 0 >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"00" * 32, b"11" * 32),
    ]
    said = refusal(written(objects, b"/Encrypt 3 0 R /ID [<00> <00>]"))
    assert "encrypted: it needs a password" in said
    assert "print it to a new PDF" in said


def test_fault_90_10000_pages_are_refused() -> None:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count 10000 >>" % (b"3 0 R " * 10_000),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>",
    ]
    assert "more than 5,000 pages; expected at most 5,000; split it" in refusal(written(objects))


def test_fault_90_a_picture_that_announces_gigabytes_is_not_decoded() -> None:
    said = refusal(scanned(jpeg(8, 8), (60_000, 60_000), (200, 100)))
    assert "a picture of 60000x60000 pixels on it" in said


def test_fault_90_a_page_that_takes_too_long_is_given_up_and_others_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_content(two_pages(stream(b"0 g " + b"0 0 199 99 re f " * 20_000)), "it") as document:
        monkeypatch.setattr(isolated, "MAX_SECONDS", 0.05)
        with pytest.raises(DataError, match=r"it, page 1: it takes longer than 0\.05 s"):
            document.page(1)
        monkeypatch.undo()
        assert document.page(2).grey.min() == 255


def test_a_process_that_was_started_early_opens_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_idle", [])
    isolated.prepare("a.png")
    assert not isolated._idle
    isolated.prepare("scans/A.PDF")
    (early,) = isolated._idle
    with open_content(two_pages(stream(b"")), "it") as document:
        assert not isolated._idle
        assert document.page(1).grey.min() == 255
    assert isolated._idle == [early]
    early.end()


def test_pages_do_not_pile_up_in_the_process_that_draws_them() -> None:
    content = drawn(b"0 g 0 50 100 50 re f", (595, 842))
    taken = []
    for _ in range(6):
        opened = isolated.Opened("pdf", content, max_pixels=100_000_000)
        opened.ask(page=0, side=None)  # 2480 x 3508 pixels are 26 MB
        status = Path(f"/proc/{opened._process._process.pid}/status").read_text()
        taken.append(int(re.search(r"VmData:\s+(\d+) kB", status)[1]) / 1000)  # MB
        opened.close()
    assert taken[-1] - taken[0] < 30


@pytest.mark.slow
def test_fault_90_a_page_that_takes_too_much_memory_ends_its_own_process_alone() -> None:
    bomb = zlib.compress(b"0 g 0 0 9 9 re f " * 40_000_000, 1)  # 680 MB of operators
    with open_content(two_pages(stream(bomb, {"Filter": "/FlateDecode"})), "it") as document:
        with pytest.raises(DataError, match=r"it, page 1: it takes (too much|longer)"):
            document.page(1)
        assert document.page(2).grey.min() == 255


def two_pages(first: bytes) -> bytes:
    """A PDF with this content on its first page, and nothing on its second."""
    size = b"/Type /Page /Parent 2 0 R /MediaBox [0 0 200 100]"
    return written(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R 5 0 R] /Count 2 >>",
            b"<< %s /Contents 4 0 R >>" % size,
            first,
            b"<< %s >>" % size,
        ]
    )


def test_a_heic_is_turned_as_its_transformation_says_and_not_again_by_exif() -> None:
    content = bytearray((HEIC / "turned.heic").read_bytes())
    angle = content.index(b"irot") + 4  # in quarters, anticlockwise
    content[angle] = 0
    upright = page(bytes(content)).grey
    assert upright.shape == (104, 204)
    for quarters in (1, 2, 3):
        content[angle] = quarters
        found = page(bytes(content))
        assert found.size == found.grey.shape
        np.testing.assert_array_equal(found.grey, np.rot90(upright, quarters))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = Image.fromarray(BAR)
    turned.getexif()[0x0112] = orientation
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(turned))
    found = page(saved(BAR, "AVIF", quality=95, exif=exif))
    assert found.size == expected.shape
    np.testing.assert_allclose(found.grey, expected, atol=40)


def test_fault_91_of_several_pictures_in_a_heic_the_main_one_is_read_and_said() -> None:
    with pytest.warns(Notice, match="2 pictures in one; the main one is read"):
        found = page((HEIC / "two.heic").read_bytes())
    assert np.median(found.grey) > 200


@pytest.mark.parametrize("name", ["turned.heic", "clear.heic"])
def test_fault_91_a_heic_that_is_cut_off_is_damaged(name: str) -> None:
    content = (HEIC / name).read_bytes()
    for length in (40, 200, len(content) // 2, len(content) - 200):
        assert "a damaged image" in refusal(content[:length])


def test_fault_91_a_heic_of_30000_pixels_is_refused_before_it_is_decoded() -> None:
    content = bytearray((HEIC / "turned.heic").read_bytes())
    at = content.index(b"ispe") + 8
    content[at : at + 8] = struct.pack(">2I", 30_000, 30_000)
    assert "too many pixels; expected at most 50 megapixels" in refusal(bytes(content))


def test_fault_91_a_heic_that_crashes_its_decoder_is_refused_and_the_next_is_read() -> None:
    content = (HEIC / "turned.heic").read_bytes()
    at = content.index(b"Exif")  # the type of an item, of which pi-heif 1.4 makes a Python string
    assert "its decoder fails" in refusal(content[:at] + b"\x80" + content[at + 1 :])
    assert page(content).size == (204, 104)


def test_a_heic_is_never_left_to_pillows_plugins() -> None:
    program = (
        "from PIL import Image; from mnistry.images.decode import open_file; import pathlib, sys\n"
        "open_file(pathlib.Path(sys.argv[1])).page(1)\n"
        "assert 'HEIF' not in Image.OPEN, Image.OPEN"
    )
    subprocess.run([sys.executable, "-c", program, HEIC / "turned.heic"], check=True)


def test_fault_91_an_avif_that_is_cut_off_or_of_30000_pixels_is_refused() -> None:
    content = bytearray(saved(BAR, "AVIF"))
    for length in (200, len(content) - 20):
        assert "a damaged image" in refusal(bytes(content[:length]))
    at = content.index(b"ispe") + 8
    content[at : at + 8] = struct.pack(">2I", 30_000, 30_000)
    assert re.search("too many pixels|a damaged image", refusal(bytes(content)))


def test_fault_98_an_ending_that_lies_changes_nothing(tmp_path: Path) -> None:
    contents = {
        "png": saved(BAR, "PNG"),
        "jpg": saved(BAR, "JPEG"),
        "tif": saved(BAR, "TIFF"),
        "pdf": drawn(b"0 g 0 50 100 50 re f"),
        "heic": (HEIC / "turned.heic").read_bytes(),
    }
    for kind, content in contents.items():
        expected = page(content).grey
        for ending in {*contents, "docx"} - {kind}:
            path = tmp_path / f"{kind}.{ending}"
            path.write_bytes(content)
            with open_file(path) as document:
                np.testing.assert_array_equal(document.page(1).grey, expected)


def tiff(*pages: np.ndarray, **options: object) -> bytes:
    first, *others = (Image.fromarray(one) for one in pages)
    return saved(first, "TIFF", save_all=True, append_images=others, **options)


def test_every_page_of_a_tiff_is_decoded_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "three.tiff"
    path.write_bytes(tiff(*(np.full((4, 5), grey, np.uint8) for grey in (10, 20, 30))))
    with open_file(path) as document:
        assert document.count == 3
        for number in (3, 1, 2):
            assert document.page(number).grey.max() == 10 * number
        with pytest.raises(DataError, match="there is no page 4; expected 1 to 3"):
            document.page(4)


def test_a_tiffs_smaller_copy_of_a_page_is_no_page() -> None:
    first = Image.fromarray(BAR)
    small = first.resize((9, 6))
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    small.encoderinfo = {"tiffinfo": ImageFileDirectory_v2()}
    small.encoderinfo["tiffinfo"][254] = 1
    content = saved(first, "TIFF", save_all=True, append_images=[small])
    assert len(list(tiff_frames(content))) == 2
    with open_content(content, "a.tiff") as document:
        assert document.count == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_uncompressed_tiff_is_turned_by_its_path_and_by_its_content(
    tmp_path: Path, orientation: int
) -> None:
    from PIL import ImageOps

    turned = Image.fromarray(BAR)
    turned.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(turned))
    content = saved(BAR, "TIFF", tiffinfo={0x0112: orientation})
    (tmp_path / "a.tif").write_bytes(content)
    np.testing.assert_array_equal(page(content).grey, expected)
    with open_file(tmp_path / "a.tif") as document:
        np.testing.assert_array_equal(document.page(1).grey, expected)


def tiff_frames(content: bytes) -> list[int]:
    with Image.open(io.BytesIO(content)) as image:
        return list(range(image.n_frames))


def test_fault_93_pages_that_point_in_a_circle_are_counted_once() -> None:
    content = bytearray(tiff(*(np.full((4, 5), grey, np.uint8) for grey in (10, 20))))
    first = struct.unpack_from("<I", content, 4)[0]
    entries = struct.unpack_from("<H", content, first)[0]
    second = struct.unpack_from("<I", content, first + 2 + 12 * entries)[0]
    entries = struct.unpack_from("<H", content, second)[0]
    struct.pack_into("<I", content, second + 2 + 12 * entries, first)
    with open_content(bytes(content), "circle.tiff") as document:
        assert document.count == 2
        assert [document.page(number).grey.max() for number in (1, 2)] == [10, 20]


def test_a_damaged_page_of_a_tiff_leaves_the_others() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    content = bytearray(tiff(noise, noise, compression="tiff_lzw"))
    with Image.open(io.BytesIO(content)) as image:
        image.seek(1)
        at = image.tag_v2[273][0]
    content[at : at + 200] = b"\xff" * 200
    with open_content(bytes(content), "a.tiff") as document:
        np.testing.assert_array_equal(document.page(1).grey, noise)
        with pytest.raises(DataError, match=r"^a\.tiff, page 2: a damaged image"):
            document.page(2)


@pytest.mark.parametrize(
    ("dpi", "shape"), [((204, 98), (125, 90)), ((98, 204), (60, 187)), ((204, 196), (60, 90))]
)
def test_fault_95_oblong_pixels_become_square(dpi: tuple[int, int], shape: tuple[int, int]) -> None:
    found = page(tiff(BAR, dpi=dpi))
    # The coarser axis is stretched: 60 * 204 / 98 = 125 rows, or 90 * 204 / 98 = 187 columns.
    # Pixels of 204 by 196 dpi are nearly square, and stay.
    assert (found.grey.shape, found.size, found.dpi) == (shape, shape, 204)
    rows, columns = shape
    assert found.grey[rows // 5, columns // 3] < 60
    assert found.grey[rows // 2, columns // 3] > 200


def test_resolutions_that_cannot_be_are_ignored() -> None:
    found = page(saved(BAR, "PNG", dpi=(300, 1)))
    assert (found.size, found.dpi) == ((60, 90), None)


def test_fault_92_200_megapixels_are_read_reduced_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.new("L", (16_320, 12_240), 200).save(path, quality=30)
    program = (
        "import pathlib, sys; from mnistry.images.decode import open_file\n"
        "page = open_file(pathlib.Path(sys.argv[1])).page(1, 1600)\n"
        "assert page.size == (12240, 16320) and page.grey.shape == (1530, 2040), page\n"
        "status = pathlib.Path('/proc/self/status')\n"
        "if status.exists(): print(status.read_text().split('VmHWM:')[1].split()[0])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, path], check=True, capture_output=True, text=True
    )
    assert int(result.stdout or 0) < 150_000  # kB, of which OpenCV and NumPy take half
    with open_file(path) as document, pytest.raises(DataError, match="at most 75 megapixels"):
        document.page(1)


def test_fault_92_a_jpeg_whose_header_lies_is_refused_or_reduced() -> None:
    content = bytearray(jpeg(64, 64))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">2H", 65_000, 65_000)
    assert "too many pixels; expected at most 250 megapixels" in refusal(bytes(content))
    content[at : at + 4] = struct.pack(">2H", 12_000, 12_000)
    assert page(bytes(content), side=1600).grey.shape == (3000, 3000)


def test_fault_92_a_progressive_jpeg_that_would_take_gigabytes_is_refused() -> None:
    content = bytearray(saved(np.full((64, 64), 200, np.uint8), "JPEG", progressive=True))
    at = content.index(b"\xff\xc2") + 5
    content[at : at + 4] = struct.pack(">2H", 15_000, 15_000)
    said = refusal(bytes(content))
    assert "too large a progressive JPEG" in said
    assert "save it as a baseline JPEG" in said


def test_fault_92_a_progressive_jpeg_of_thousands_of_scans_is_refused() -> None:
    content = bytearray(saved(np.full((64, 64), 200, np.uint8), "JPEG", progressive=True))
    at = content.index(b"\xff\xc2") + 5
    content[at : at + 4] = struct.pack(">2H", 5000, 5000)
    last = content.rindex(b"\xff\xda")
    content[-2:] = content[last:-2] * 300 + b"\xff\xd9"
    assert "too large a progressive JPEG" in refusal(bytes(content))


def test_what_phones_put_behind_a_picture_is_no_scan() -> None:
    progressive = saved(BAR, "JPEG", progressive=True, quality=95)
    film = b"\0\0\0\x18ftypmp42" + b"\xff\xda" * 1_000_000  # a naive count passes 5.4e9 samples
    found = page(progressive + film)
    np.testing.assert_allclose(found.grey, BAR, atol=25)


def test_a_phones_gain_map_is_no_second_page() -> None:
    second = Image.fromarray(255 - BAR).resize((45, 30))
    content = saved(Image.fromarray(BAR), "MPO", save_all=True, append_images=[second], quality=95)
    note = b'http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version="1.0"/>'
    marked = content[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + content[2:]
    with open_content(marked, "phone.jpg") as document:
        assert document.count == 1
        np.testing.assert_allclose(document.page(1).grey, BAR, atol=25)


@pytest.mark.skipif(os.name == "nt", reason="pipes of other systems")
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = saved(BAR, "PNG")
    with subprocess.Popen(["/bin/sh", "-c", f"cat > {pipe}"], stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        writer.stdin.write(content)
        writer.stdin.close()
        with open_file(pipe) as document:
            np.testing.assert_array_equal(document.page(1).grey, BAR)
