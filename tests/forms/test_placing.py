"""A page that was not found is placed by a person, and read as if it had been found."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from mnistry import Reader
from mnistry.errors import DataError, UsageError
from mnistry.forms import batch, layout, output, placing
from mnistry.forms.answers import CHECK
from mnistry.forms.definition import Box, Form
from mnistry.forms.layout import Layout, PageLayout, Place
from mnistry.forms.loading import load
from mnistry.forms.placement import suggested
from mnistry.forms.placing import Pointed
from mnistry.forms.reading import FormReader
from mnistry.forms.records import NewPage
from mnistry.forms.review import Review
from mnistry.forms.rules import key
from mnistry.forms.store import Store
from mnistry.reading.page import mapped
from tests.forms import filled
from tests.forms.test_reading import PRINTED, READ, VALUES

NAME = "page/1"
# Corners of an A4 page in millimetres, and where they lie in the photo, in pixels. The photo is
# taken too steeply from the side for the page to be found. `SHAPE` is the photo's height and width.
PAPER = np.array([[0, 0], [210, 0], [210, 297], [0, 297]], np.float32)
STEEP = np.array([[900, 200], [2000, 100], [2700, 1200], [100, 1600]], np.float32)
SHAPE = 1700, 2800


def photo(form: Form) -> np.ndarray:
    """Draw a sheet without its markers and codes, photographed from the side."""
    (sheet,) = filled.printed(form, VALUES, serial=17)
    (page,) = layout.place(form).pages
    for box in (*(marker.box for marker in page.markers), *page.codes):
        left, top, right, bottom = (
            round(v * filled.SCALE) for v in (box.x - 1, box.y - 1, box.right + 1, box.bottom + 1)
        )
        sheet[top:bottom, left:right] = 255
    move = cv2.getPerspectiveTransform(PAPER * filled.SCALE, STEEP)
    return cv2.warpPerspective(sheet, move, SHAPE[::-1], flags=cv2.INTER_AREA, borderValue=90)


def pointed(form: Form, away: float = 0.0) -> list[Pointed]:
    """Point at where the markers were, but `away` millimetres beside each."""
    where = layout.place(form)
    on_page = np.array(suggested(where, where.pages[0]))
    beside = on_page + away * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    in_scan = mapped(beside, cv2.getPerspectiveTransform(PAPER, STEEP)) / SHAPE[::-1]
    return [tuple(map(float, point)) for point in np.hstack([on_page, in_scan])]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a form, and a batch with the photo, which was set aside."""
    folder = tmp_path_factory.mktemp("made")
    path = folder / "photo.png"
    (folder / "FORM.toml").write_text(PRINTED, "utf-8")
    form = load(folder / "FORM.toml")
    cv2.imwrite(str(path), photo(form))
    with Store(folder / "batch") as store:
        batch.read(form, Reader(threads=1), store, [path])
        assert [page.number for page in store.set_aside()] == [1]
    return folder


@pytest.fixture(scope="module")
def form(made: Path) -> Form:
    return load(made / "FORM.toml")


@pytest.fixture(scope="module")
def form_reader(form: Form) -> FormReader:
    return FormReader(form, Reader(threads=1))


@pytest.fixture(autouse=True)
def _prepared(form_reader: FormReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all reviews share what reads the form: it takes half a second to make."""
    monkeypatch.setattr(placing, "FormReader", lambda *_: form_reader)


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of the batch."""
    shutil.copytree(made / "batch", tmp_path / "batch")
    with Store(tmp_path / "batch") as opened:
        yield opened


def said(form: Form, store: Store) -> dict[object, tuple[str, str]]:
    """What the only sheet says."""
    (sheet,) = output.results(form, store)
    assert sheet.serial == 17
    assert sheet.problems == ("page 1 was placed by hand by eva",)
    return {at: (str(one.value), one.status) for at, one in sheet.answers.items()}


def test_fault_118_a_page_placed_by_hand_is_read_as_the_same_sheet_undisturbed(
    form: Form, store: Store, tmp_path: Path
) -> None:
    review = Review(form, store, "eva")
    assert review.names() == [NAME]
    assert "it is not a page of this form" in review.placing.view(NAME).why
    step = review.place(NAME, 1, 17, pointed(form, away=1.5))
    assert (step.removed, step.added) == ((NAME,), ())
    assert "placed as page 1, 6 fields, 0 more" in step.said
    assert said(form, store) == READ
    assert store.set_aside() == []
    # The rules change, so it is read again: what the person said stays.
    path = tmp_path / "FORM.toml"
    path.write_text(PRINTED.replace("length = 4", "length = 4\nmax = 20"), "utf-8")
    changed, told = load(path), list[str]()
    batch.read(changed, Reader(threads=1), store, [], progress=told.append)
    assert len(told) == 1
    assert said(changed, store) == READ | {key("depth"): ("31.7", CHECK)}


def test_a_page_that_is_none_of_the_form_is_not_asked_about_again(form: Form, store: Store) -> None:
    review = Review(form, store, "eva")
    assert review.place(NAME, None, None, []).removed == (NAME,)
    assert Review(form, store, "ben").names() == []
    (page,) = store.set_aside()
    assert page.is_foreign
    assert page.problem == "eva says that it is no page of this form"
    assert review.undo().added == (NAME,)
    (page,) = store.set_aside()
    assert (page.is_foreign, page.problem) == (False, review.placing.view(NAME).why)


def test_where_the_print_is_not_found_a_person_is_asked_and_everything_is_checked(
    form: Form, store: Store
) -> None:
    review = Review(form, store, "eva")
    points = pointed(form, away=30)
    assert review.place(NAME, 1, 17, points).asks == "what is printed was not found there"
    assert store.sheets() == []
    step = review.place(NAME, 1, 17, points, insists=True)
    assert len(step.added) == 6
    (sheet,) = store.sheets()
    assert {answer.status for answer in sheet.answers.values()} == {CHECK}
    Review(form, store, "ben").decide("1//-1/station", "049", confirmed=False, insists=False)
    with pytest.raises(UsageError, match="somebody has decided"):
        review.undo()
    Review(form, store, "ben").undo()
    assert review.undo().added == (NAME,)
    assert (output.results(form, store), review.names()) == ([], [NAME])


def wrong(points: list[Pointed], *order: int) -> list[Pointed]:
    """Swap places in the scan."""
    return [(*points[i][:2], *points[j][2:]) for i, j in enumerate(order)]


def test_impossible_points_pages_and_serials_are_refused(form: Form, store: Store) -> None:
    pages = Review(form, store, "eva").placing
    points = pointed(form)
    for page, serial, where, told in [
        (1, None, wrong(points, 1, 0, 2, 3), "flat page"),
        (1, None, wrong(points, 0, 3, 2, 1), "flat page"),
        (1, None, [points[0]] * 4, "flat page"),
        (1, None, points[:3], "3 points"),
        (2, None, points, "no page 2"),
        (1, 0, points, "serial number 0"),
    ]:
        with pytest.raises(UsageError, match=told):
            pages.read(NAME, page, serial, where)
    with pytest.raises(UsageError, match="no such page"):
        pages.read("page/2", 1, None, points)


def test_a_page_whose_file_has_changed_or_is_gone_is_not_placed(form: Form, tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    path.write_bytes(b"another")
    with Store(None) as store:
        aside = NewPage(1, None, None, 0, {}, "it is blank", (), None, None)
        store.add_page(store.add_file(path, "aa"), aside)
        review = Review(form, store, "eva")
        with pytest.raises(DataError, match="changed"):
            review.place(NAME, 1, None, pointed(form))
        path.unlink()
        assert (review.names(), review.unseen_pages) == ([], 1)


def test_the_scan_is_shown_as_it_is_to_be_turned(form: Form, store: Store) -> None:
    pages = Review(form, store, "eva").placing
    shapes = [
        cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE).shape
        for content in (pages.scan(NAME), pages.scan(NAME, 1), pages.blank(1))
    ]
    # The longer side has 1800 pixels: 1800 * 1700 / 2800 = 1093, and 1800 * 210 / 297 = 1273.
    assert shapes == [(1093, 1800), (1800, 1093), (1800, 1273)]


def test_points_are_suggested_far_apart(form_of: Callable[[str], Form]) -> None:
    where = layout.place(form_of(PRINTED))
    assert suggested(where, where.pages[0]) == [(10, 10), (200, 10), (200, 287), (10, 287)]
    entry = form_of(PRINTED).fields[0]
    high = tuple(
        Place(entry, None, None, (Box(x, y, 20, 10),)) for x in (30, 150) for y in (40, 250)
    )
    paper = [(0, 0), (210, 0), (210, 297), (0, 297)]
    for places, expected in [
        (high, [(30, 40), (170, 40), (170, 260), (30, 260)]),
        (high[::2], paper),  # all at the top
        ((), paper),
    ]:
        assert suggested(Layout(210, 297, ()), PageLayout(1, places=places)) == expected
