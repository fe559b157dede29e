import struct
import subprocess
import sys
import warnings
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from mnistry.errors import DataError, Notice
from mnistry.images.decode import decode_image, open_content, open_file, read_image
from mnistry.images.sources import one_page

GREYS = np.array([[0, 40, 80], [120, 160, 255]], np.uint8)


def save(path, array, mode=None, **options):
    Image.fromarray(array, mode).save(path, **options)
    return path


def assert_refused(path, *words):
    with pytest.raises(DataError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    for word in words:
        assert word in message
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "gif", "pgm", "webp"])
def test_lossless_formats_keep_every_grey(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"greys.{suffix}", GREYS, **options)
    np.testing.assert_array_equal(read_image(path), GREYS)


def test_jpeg_is_read(tmp_path):
    path = save(tmp_path / "grey.jpg", np.full((8, 8), 200, np.uint8))
    assert abs(read_image(path).astype(int) - 200).max() <= 2


def test_colours_become_luma(tmp_path):
    path = save(tmp_path / "red.png", np.array([[[255, 0, 0]]], np.uint8))
    assert read_image(path).tolist() == [[76]]  # 0.299 * 255


def test_bilevel_image_is_black_and_white(tmp_path):
    Image.fromarray(GREYS).point(lambda v: 255 if v > 100 else 0).convert("1").save(
        tmp_path / "bits.png"
    )
    assert read_image(tmp_path / "bits.png").tolist() == [[0, 0, 0], [255, 255, 255]]


def test_missing_file_is_named(tmp_path):
    assert_refused(tmp_path / "none.png", "No such file")


def test_empty_file(tmp_path):
    (tmp_path / "empty.png").touch()
    assert_refused(tmp_path / "empty.png", "an empty file")


def test_more_than_60_mb_is_not_read_whole(tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(60_000_001)
    assert_refused(tmp_path / "large.png", "too large", "60 MB")


def test_a_film_of_gigabytes_is_not_read_at_all(tmp_path):
    with (tmp_path / "film.mp4").open("wb") as file:
        file.write(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2")
        file.truncate(5_000_000_000)
    assert_refused(tmp_path / "film.mp4", "a video")


@pytest.mark.parametrize("side", [30_000, 13_000, 8_661])  # 8,661 squared is just above 75e6
def test_fault_43_44_too_many_pixels_are_refused_before_decoding(tmp_path, side):
    def chunk(kind, data):
        return (
            len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        )

    header = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"not compressed")
    (tmp_path / "bomb.png").write_bytes(content)
    assert_refused(tmp_path / "bomb.png", "too many pixels", "75 megapixels")


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000)])
def test_fault_45_tiny_images_are_decoded(tmp_path, shape):
    path = save(tmp_path / "tiny.png", np.full(shape, 7, np.uint8))
    assert read_image(path).shape == shape


def test_fault_46_image_without_pixels(tmp_path):
    (tmp_path / "none.pgm").write_bytes(b"P5 0 0 255 ")
    assert_refused(tmp_path / "none.pgm", "expected")


def test_fault_48_16_bits_are_scaled(tmp_path):
    path = save(tmp_path / "deep.png", np.array([[0, 257, 32768, 65535]], np.uint16))
    assert read_image(path).tolist() == [[0, 1, 128, 255]]


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_fault_94_deep_pixels_that_hold_0_to_255_are_not_black(tmp_path, kind):
    path = save(tmp_path / "deep.tiff", GREYS.astype(kind))
    np.testing.assert_array_equal(read_image(path), GREYS)


def test_fault_94_12_bits_in_16_are_scaled_from_4095(tmp_path):
    path = save(tmp_path / "deep.png", np.array([[0, 2048, 4095]], np.uint16))
    assert read_image(path).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("alpha", [None, 255, 65535])
@pytest.mark.parametrize("factor", [1, 16, 257])
def test_colours_of_16_bits_are_scaled_as_greys_are(tmp_path, suffix, alpha, factor):
    colours = np.stack([GREYS.astype(np.uint16) * factor] * 3, axis=-1)
    if alpha is not None:
        colours = np.dstack([colours, np.full(GREYS.shape, alpha, np.uint16)])
    cv2.imwrite(str(tmp_path / f"deep{suffix}"), colours)
    np.testing.assert_allclose(read_image(tmp_path / f"deep{suffix}"), GREYS, atol=1)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("factor", [1, 257])
def test_separate_planes_of_16_bits_are_read(tmp_path, order, factor):
    plane = (GREYS.astype(int) * factor).astype(f"{order}u2").tobytes()
    (tmp_path / "planes.tif").write_bytes(planar_tiff(order, plane))
    np.testing.assert_array_equal(read_image(tmp_path / "planes.tif"), GREYS)
    with Image.open(tmp_path / "planes.tif") as image:
        if factor == 257:  # Pillow keeps the high bytes alone
            np.testing.assert_array_equal(one_page(image).grey, GREYS)


def planar_tiff(order: str, plane: bytes) -> bytes:
    """Write red, green and blue of `GREYS`, three times the same plane of 16 bits, one by one."""
    height, width = GREYS.shape
    entries = [(256, width), (257, height), (258, 16), (259, 1), (262, 2), (277, 3), (278, height)]
    entries += [(284, 2), (273, 0), (279, 0)]
    end = 8 + 2 + 12 * len(entries) + 4
    lists = {258: (16,) * 3, 273: tuple(end + 36 + k * len(plane) for k in range(3))}
    lists[279] = (len(plane),) * 3
    head, tail = (
        struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(entries)),
        b"",
    )
    for tag, value in sorted(entries):
        if tag in lists:
            head += struct.pack(f"{order}HHII", tag, 4, 3, end + len(tail))
            tail += struct.pack(f"{order}3I", *lists[tag])
        else:
            head += struct.pack(f"{order}HHII", tag, 4, 1, value)
    return head + bytes(4) + tail + 3 * plane


def test_unsigned_32_bits_are_scaled(tmp_path):
    numbers = GREYS.astype(np.uint32) * 0x01010101
    path = save(tmp_path / "deep.tiff", numbers.view(np.int32))
    signed, unsigned = (struct.pack("<HHIHH", 339, 3, 1, kind, 0) for kind in (2, 1))
    assert signed in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(signed, unsigned))
    np.testing.assert_array_equal(read_image(tmp_path / "deep.tiff"), GREYS)


@pytest.mark.parametrize("value", [-1, 70_000])
def test_32_bits_beyond_16_are_refused(tmp_path, value):
    path = save(tmp_path / "deep.tiff", np.array([[0, value]], np.int32))
    assert_refused(path, str(value), "expected 0 to 255, or 0 to 65535", "PNG with 8 bits")


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, -3])
def test_floating_point_that_is_no_grey_is_refused(tmp_path, value):
    path = save(tmp_path / "float.tiff", np.array([[0, value]], np.float32))
    assert_refused(path, "floating-point", "expected 0 to 255")


def test_fault_49_ink_on_transparency_is_ink_on_white(tmp_path):
    ink = np.array([[[0, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    assert read_image(save(tmp_path / "ink.png", ink)).tolist() == [[0, 255, 127]]


@pytest.mark.parametrize(("mode", "index"), [("P", 1), ("L", 40)])
def test_fault_49_one_transparent_colour_is_white(tmp_path, mode, index):
    image = Image.fromarray(np.array([[index, 2]], np.uint8))
    if mode == "P":
        image.putpalette([0, 0, 0] * 3)
    image.save(tmp_path / "ink.png", transparency=index)
    assert read_image(tmp_path / "ink.png")[0, 0] == 255


def test_fault_49_transparent_16_bit_grey_is_white(tmp_path):
    image = Image.fromarray(np.array([[300, 301]], np.uint16))
    image.save(tmp_path / "ink.png", transparency=300)
    assert read_image(tmp_path / "ink.png").tolist() == [[255, 19]]  # 301 / 4095 * 255 = 18.7


def test_fault_50_cmyk_jpeg(tmp_path):
    black = np.zeros((8, 8, 4), np.uint8)
    black[:, :, 3] = 255
    assert read_image(save(tmp_path / "ink.jpg", black, "CMYK")).max() < 10
    paper = np.zeros((8, 8, 4), np.uint8)
    assert read_image(save(tmp_path / "paper.jpg", paper, "CMYK")).min() > 245


@pytest.mark.parametrize("orientation", range(1, 9))
def test_fault_51_exif_orientation(tmp_path, orientation):
    upright = {
        1: GREYS,
        2: GREYS[:, ::-1],
        3: GREYS[::-1, ::-1],
        4: GREYS[::-1],
        5: GREYS.T,
        6: np.rot90(GREYS, -1),
        7: GREYS[::-1, ::-1].T,
        8: np.rot90(GREYS),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "turned.png", GREYS, exif=exif)
    np.testing.assert_array_equal(read_image(path), upright)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"MM\0*"])
def test_fault_51_broken_exif_costs_nothing(tmp_path, exif):
    path = save(tmp_path / "broken.png", GREYS, exif=exif)
    np.testing.assert_array_equal(read_image(path), GREYS)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "avif", "tiff"])
def test_fault_52_first_of_several_frames_or_pages(tmp_path, suffix):
    path = tmp_path / f"film.{suffix}"
    second = Image.fromarray(255 - GREYS)
    exact = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(GREYS).save(path, save_all=True, append_images=[second], **exact)
    with pytest.warns(Notice, match=r"film.*the first is read"):
        image = read_image(path)
    np.testing.assert_allclose(image, GREYS, atol=25 if suffix == "avif" else 0)


@pytest.mark.parametrize(
    "content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS-Adobe-3.0 EPSF"]
)
def test_fault_53_accepted_formats_are_named(tmp_path, content):
    (tmp_path / "drawing.png").write_bytes(content)
    assert_refused(
        tmp_path / "drawing.png", "PNG, JPEG, GIF, BMP, TIFF, WEBP, PPM, AVIF, HEIC, PDF"
    )


def test_fault_54_tiff_called_png_is_read_as_what_it_is(tmp_path):
    path = save(tmp_path / "scan.png", GREYS, format="TIFF")
    np.testing.assert_array_equal(read_image(path), GREYS)


def test_fault_55_jpeg_cut_off(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    path = save(tmp_path / "cut.jpg", noise)
    path.write_bytes(path.read_bytes()[:-500])
    assert_refused(path, "a damaged image")


def test_fault_56_png_text_bomb(tmp_path):
    text = zlib.compress(bytes(100_000_000))
    body = b"Comment\0\0" + text
    chunk = len(body).to_bytes(4, "big") + b"zTXt" + body
    chunk += zlib.crc32(b"zTXt" + body).to_bytes(4, "big")
    content = save(tmp_path / "bomb.png", GREYS).read_bytes()
    # The signature and IHDR, the first chunk, are 8 + 25 bytes.
    (tmp_path / "bomb.png").write_bytes(content[:33] + chunk + content[33:])
    assert_refused(tmp_path / "bomb.png", "a damaged image")


def test_an_error_in_bytes_begins_with_the_name_that_the_caller_gave():
    with pytest.raises(DataError, match=r"^an upload: "):
        decode_image(b"nothing", "an upload")


def test_import_does_not_bring_pillow():
    program = "import sys, mnistry.images.decode; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_phones_second_view_of_a_picture_is_no_second_frame(tmp_path):
    view = Image.fromarray(GREYS)
    path = tmp_path / "phone.jpg"
    view.save(path, "MPO", save_all=True, append_images=[view.resize((4, 4))], quality=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Notice)
        np.testing.assert_allclose(read_image(path), GREYS, atol=6)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_reduced_and_its_full_size_returned(tmp_path, orientation):
    steps = np.kron(np.array([[0, 255], [90, 180]], np.uint8), np.ones((301, 500), np.uint8))
    photo = Image.fromarray(steps).convert("RGB")
    exif = photo.getexif()
    exif[0x0112] = orientation
    photo.save(tmp_path / "photo.jpg", exif=exif)
    content = (tmp_path / "photo.jpg").read_bytes()
    whole = decode_image(content, "a photo")
    page = open_content(content, "a photo").page(1, 240)
    grey, size = page.grey, page.size
    assert size == whole.shape == ((602, 1000) if orientation == 1 else (1000, 602))
    assert sorted(grey.shape) == [151, 250]
    quarter = whole[: 4 * (size[0] // 4) : 4, : 4 * (size[1] // 4) : 4].astype(int)
    rows, columns = quarter.shape
    assert np.median(abs(grey[:rows, :columns] - quarter)) <= 2


def test_a_picture_that_is_not_a_jpeg_is_not_reduced(tmp_path):
    page = open_content(save(tmp_path / "a.png", GREYS).read_bytes(), "a picture").page(1, 2)
    np.testing.assert_array_equal(page.grey, GREYS)
    assert page.size == GREYS.shape


def test_a_jpeg_that_was_decoded_reduced_can_be_decoded_whole(tmp_path):
    path = save(tmp_path / "a.jpg", np.full((64, 96), 200, np.uint8))
    with open_file(path) as document:
        assert document.page(1, 12).grey.shape == (8, 12)
        assert document.page(1).grey.shape == (64, 96)


def test_a_gif_whose_second_frame_is_damaged_gives_its_first() -> None:
    file = BytesIO()
    first, second = (Image.new("L", (8, 8), grey) for grey in (7, 200))
    first.save(file, "GIF", save_all=True, append_images=[second])
    content = file.getvalue()
    cut = content.rindex(b"!\xf9\x04") + 3  # in the extension before the second frame
    assert (decode_image(content[:cut], "x.gif") == 7).all()
