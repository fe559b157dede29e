"""Pages that lie aslant, turned or sloping in a picture, and pictures that show no page at all."""

import cv2
import numpy as np
import pytest
from PIL import Image

import mnistry
from mnistry.reading import Reader, Reading
from mnistry.reading.page import Page, find_sheets, levelled, turned

LINES = ("20463", "31578", "94650", "78213")


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader(threads=1)


def digits_on(page: np.ndarray, lines: tuple[str, ...], side: int = 56) -> np.ndarray:
    """Write lines of MNIST's digits on a page, in dark ink."""
    images, labels = mnistry.load("sample").train
    page = page.copy()
    for line, number in enumerate(lines):
        for place, digit in enumerate(number):
            image = Image.fromarray(images[labels == int(digit)][1]).resize((side, side))
            ink = np.asarray(image, np.float32) / 255
            top, left = 24 + 3 * side // 2 * line, 30 + side * place
            part = page[top : top + side, left : left + side]
            part[:] = np.minimum(part, 255 - 215 * ink)
    return page


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    """``uint8``, shape (380, 340)."""
    return digits_on(np.full((380, 340), 230, np.uint8), LINES)


def on_desk(page: np.ndarray, corners: list[list[int]]) -> np.ndarray:
    """Lay a page on a grainy desk, seen aslant."""
    rows, columns = page.shape
    desk = np.random.default_rng(0).normal(70, 4, (640, 600)).clip(0, 255).astype(np.uint8)
    flat = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    move = cv2.getPerspectiveTransform(flat, np.array(corners, np.float32))
    seen = cv2.warpPerspective(page, move, desk.shape[::-1])
    return np.where(cv2.warpPerspective(np.ones_like(page), move, desk.shape[::-1]), seen, desk)


def middle(reading: Reading, index: int = 0) -> np.ndarray:
    return np.mean(reading.digits[index].quad, axis=0)


def test_a_sheet_on_a_desk_is_brought_flat(read: Reader, page) -> None:
    corners = [[90, 60], [500, 110], [520, 560], [60, 520]]
    reading = read.read(on_desk(page, corners))
    assert reading.lines == LINES
    assert reading.corners == pytest.approx(np.array(corners), abs=6)
    # The first digit's middle, (58, 52) on the page, moved as the page is.
    flat = np.array([[0, 0], [340, 0], [340, 380], [0, 380]], np.float32)
    move = cv2.getPerspectiveTransform(flat, np.array(corners, np.float32))
    expected = cv2.perspectiveTransform(np.array([[[58.0, 52.0]]]), move)[0, 0]
    assert middle(reading) == pytest.approx(expected, abs=8)
    assert any("nothing beside it" in note for note in reading.notes)


def strip(number: str, side: int = 56, margin: int = 30) -> np.ndarray:
    paper = np.full((side + 2 * margin, side * len(number) + 2 * margin), 225, np.uint8)
    ink = digits_on(np.full((side + 48, side * len(number) + 60), 225, np.uint8), (number,), side)
    there = ink[24 : 24 + side, 30 : 30 + side * len(number)]
    paper[margin : margin + side, margin : margin + side * len(number)] = there
    return paper


@pytest.mark.parametrize(("margin", "shape"), [(14, (900, 1300)), (90, (1200, 1600))])
def test_a_short_sheet_on_a_large_desk_is_read(read: Reader, margin: int, shape) -> None:
    paper = strip("31578", margin=margin)
    desk = np.random.default_rng(0).normal(60, 4, shape).clip(0, 255).astype(np.uint8)
    rows, columns = paper.shape
    desk[300 : 300 + rows, 400 : 400 + columns] = paper
    reading = read.read(desk)
    assert reading.lines == ("31578",)
    corners = [[400, 300], [400 + columns, 300], [400 + columns, 300 + rows], [400, 300 + rows]]
    assert reading.corners == pytest.approx(np.array(corners), abs=8)


def test_several_sheets_are_all_read_where_they_lie(read: Reader) -> None:
    desk = np.random.default_rng(0).normal(60, 4, (1000, 1300)).clip(0, 255).astype(np.uint8)
    for top, left, number in ((80, 120, "20463"), (420, 600, "94650"), (760, 200, "78213")):
        paper = strip(number, margin=40)
        shade = top // 25  # the lower sheets are a little darker
        desk[top : top + paper.shape[0], left : left + paper.shape[1]] = paper - shade
    reading = read.read(desk)
    assert reading.lines == ("20463", "94650", "78213")
    assert reading.corners is None
    assert "the 3 sheets in the picture were read, and nothing beside them" in reading.notes
    # The first sheet lies at (120, 80), and its writing begins 40 pixels further.
    assert reading.digits[0].box[:2] == pytest.approx((160, 120), abs=16)


def test_more_sheets_than_are_read_are_told(read: Reader) -> None:
    desk = np.random.default_rng(0).normal(70, 4, (640, 600)).clip(0, 255).astype(np.uint8)
    sheet = digits_on(np.full((90, 90), 230, np.uint8), ("7",), side=40)
    for top in range(25, 540, 125):
        for left in range(20, 500, 125):
            desk[top : top + 90, left : left + 90] = sheet
    (note,) = (one for one in read.read(desk).notes if "nothing beside" in one)
    assert note == "the 12 largest of 20 sheets in the picture were read, and nothing beside them"


def test_a_light_box_beside_other_writing_is_no_sheet() -> None:
    form = np.full((600, 800), 150, np.uint8)
    paper = strip("31578")
    form[60 : 60 + paper.shape[0], 60 : 60 + paper.shape[1]] = paper
    form[300:404, :] = digits_on(np.full((104, 800), 150, np.uint8), ("20463",))
    assert find_sheets(form) == []


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_fault_100_a_turned_page_is_turned_and_said_so(read: Reader, page, degrees: int) -> None:
    picture = np.ascontiguousarray(np.rot90(page, degrees // 90))  # counter-clockwise
    detail = read.read_in_detail(picture)
    reading = detail.reading
    assert (reading.lines, reading.turned, detail.size) == (LINES, degrees, page.shape)
    assert f"it was turned clockwise by {degrees} degrees" in reading.notes
    assert reading.corners is None
    x, y = 58, 52  # of the first digit on the upright page, 340 pixels wide and 380 high
    there = {90: (y, 340 - x), 180: (340 - x, 380 - y), 270: (380 - y, x)}[degrees]
    assert middle(reading) == pytest.approx(there, abs=6)


def test_an_upright_page_is_the_picture(read: Reader, page) -> None:
    detail = read.read_in_detail(page)
    assert detail.reading.lines == LINES
    assert (detail.reading.turned, detail.reading.corners, detail.picture) == (0, None, None)
    assert detail.reading.digits[0].quad is None
    assert "quad" not in detail.reading.to_json()["digits"][0]


def test_few_turned_digits_are_not_turned(read: Reader) -> None:
    page = digits_on(np.full((110, 340), 230, np.uint8), ("20465",))
    reading = read.read(np.ascontiguousarray(np.rot90(page, 2)))
    assert reading.turned == 0
    assert any("may have to be turned clockwise by 180" in note for note in reading.notes)


@pytest.mark.parametrize("digit", range(10))
def test_a_lone_digit_upside_down_is_never_turned(read: Reader, digit: int) -> None:
    page = digits_on(np.full((110, 110), 230, np.uint8), (str(digit),))
    for picture in (page, page[:, 24:92], cv2.resize(page, None, fx=4, fy=4)):
        reading = read.read(np.ascontiguousarray(picture[::-1, ::-1]))
        assert (reading.turned, reading.corners) == (0, None)


@pytest.mark.parametrize("degrees", [-28, 17])
def test_sloping_lines_keep_their_order(read: Reader, page, degrees: int) -> None:
    paper = np.full((620, 620), 230, np.uint8)
    paper[120:500, 140:480] = page
    move = cv2.getRotationMatrix2D((310, 310), -degrees, 1)
    reading = read.read(cv2.warpAffine(paper, move, (620, 620), borderValue=230))
    assert reading.lines == LINES
    there = move @ [140 + 58, 120 + 52, 1]
    assert middle(reading) == pytest.approx(there, abs=8)


def test_a_dark_canvas_on_a_light_page_is_read(read: Reader) -> None:
    canvas = 255 - digits_on(np.full((220, 300), 255, np.uint8), ("82",), 120)
    screen = np.full((420, 560), 250, np.uint8)
    screen[110:330, 130:430] = canvas
    reading = read.read(screen)
    assert reading.lines == ("82",)
    assert reading.corners == pytest.approx(
        np.array([[130, 110], [429, 110], [429, 329], [130, 329]]), abs=2
    )


def test_what_is_held_into_the_picture_is_not_read(read: Reader) -> None:
    page = digits_on(np.full((560, 420), 230, np.uint8), LINES)
    cv2.ellipse(page, (420, 480), (70, 34), 0, 0, 360, 110, -1, cv2.LINE_AA)  # a thumb
    page[:, :8] = 60  # the edge of the desk
    assert read.read(page).lines == LINES


def boxed() -> np.ndarray:
    picture = digits_on(np.full((400, 400), 240, np.uint8), ("7305",))
    return cv2.rectangle(picture, (20, 14), (370, 110), 20, 3)


def thick_zero() -> np.ndarray:
    picture = np.full((300, 300), 240, np.uint8)
    return cv2.rectangle(picture, (60, 50), (240, 250), 30, 45)


def thick_one() -> np.ndarray:
    picture = np.full((300, 300), 240, np.uint8)
    return cv2.rectangle(picture, (100, 20), (190, 280), 30, -1)


def grid() -> np.ndarray:
    picture = digits_on(np.full((400, 400), 240, np.uint8), ("7305", "1234"))
    for at in range(20, 400, 60):
        picture[at : at + 3], picture[:, at : at + 3] = 20, 20
    return picture


@pytest.mark.parametrize("picture", [boxed, thick_zero, thick_one, grid])
def test_what_is_written_is_not_taken_for_a_sheet(picture) -> None:
    assert find_sheets(picture()) == []
    assert find_sheets(255 - picture()) == []


def test_an_empty_answer_says_why(read: Reader) -> None:
    blank = np.full((300, 300), 230, np.uint8)
    assert read.read(blank).notes == ("no digit found: nothing stands out from the paper",)
    ruled = blank.copy()
    ruled[40::60] = 60
    (note,) = read.read(ruled).notes
    assert note == "no digit found: what stands out is lines, specks, or cut off by the edge"


def test_pixels_of_a_turned_page_are_those_of_the_picture() -> None:
    grey = np.zeros((4, 6), np.uint8)
    grey[0, 5] = 255  # the upper right pixel
    for degrees, (row, column) in {90: (5, 3), 180: (3, 0), 270: (0, 0)}.items():
        page = turned(Page(grey, (8, 12)), degrees)  # a copy at half the size
        assert page.grey[row, column] == 255
        box = (2 * column, 2 * row, 2, 2)
        assert page.quad(box).mean(0) == pytest.approx([11, 1])
    assert turned(turned(Page(grey, (8, 12)), 90), 270).to_picture == pytest.approx(np.eye(3))


def test_a_level_page_leads_back_to_the_picture() -> None:
    grey = np.full((200, 300), 200, np.uint8)
    grey[60:64, 100:104] = 0
    page = levelled(Page(grey, (400, 600)), 20.0)
    row, column = (int(where.mean()) for where in np.nonzero(page.grey < 100))
    assert page.quad((2 * column, 2 * row, 2, 2)).mean(0) == pytest.approx([204, 124], abs=4)


@pytest.mark.parametrize("times", [5, 8])
def test_small_writing_beside_large_digits_is_told(read: Reader, times: int) -> None:
    images, labels = mnistry.load("sample").train
    page = np.full((520, 620), 240, np.uint8)

    def write(text: str, left: int, top: int, height: int) -> None:
        for digit in text:
            image = images[labels.tolist().index(int(digit))]
            ink = cv2.resize(image[4:24, 4:24], (height, height), interpolation=cv2.INTER_CUBIC)
            page[top : top + height, left : left + height] = 240 - 0.9 * ink
            left += height

    write("30", 60, 60, 200)
    assert not read.read(page).notes
    write("8521", 300, 420, 200 // times)
    reading = read.read(page)
    assert reading.lines == ("30",)
    assert "much smaller than the digits" in " ".join(reading.notes)
