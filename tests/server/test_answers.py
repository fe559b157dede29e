import io
import math

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from mnistry.server.in_process import InProcess
from tests.serving import pdf


def test_a_reading_has_all_that_the_page_shows(client: TestClient, drawing: bytes) -> None:
    answer = client.post("/api/read?fields=all", content=drawing).json()
    assert (answer["text"], answer["lines"]) == ("4", ["4"])
    assert (answer["width"], answer["height"]) == (84, 84)
    (digit,) = answer["digits"]
    assert digit["digit"] == 4
    assert digit["candidates"][0] == {"digit": 4, "confidence": digit["confidence"]}
    assert np.array(digit["image"]).shape == (28, 28)
    assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert digit["probabilities"][4] == pytest.approx(digit["confidence"], abs=1e-5)
    x, y, width, height = digit["box"]
    assert 0 <= x < x + width <= 84
    assert 0 <= y < y + height <= 84


def test_the_cost_in_bits_is_minus_the_logarithm_of_the_probability(
    client: TestClient, drawing: bytes
) -> None:
    (digit,) = client.post("/api/read?fields=all", content=drawing).json()["digits"]
    for probability, bits in zip(digit["probabilities"], digit["bits"], strict=True):
        assert bits == pytest.approx(-math.log2(probability), rel=1e-4, abs=1e-6)


def test_the_image_that_is_shown_is_the_one_that_was_read(
    client: TestClient, work: InProcess, drawing: bytes
) -> None:
    (digit,) = client.post("/api/read?fields=all", content=drawing).json()["digits"]
    form = np.array([digit["image"]], np.uint8)
    np.testing.assert_array_equal(work.reader.read_in_detail(drawing).forms, form)
    again = work.reader.read_many(form)[0].digits[0]
    assert again.digit == digit["digit"]
    # Both networks read the drawing, but only one of them the image.
    assert again.confidence == pytest.approx(digit["confidence"], abs=1e-3)


@pytest.mark.parametrize("size", [(60, 40), (28, 28), (1, 1), (1, 500)])
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_picture_has_no_digit(client: TestClient, size: tuple[int, int], grey: int) -> None:
    file = io.BytesIO()
    Image.new("L", size, grey).save(file, "PNG")
    answer = client.post("/api/read", content=file.getvalue()).json()
    assert (answer["text"], answer["lines"], answer["digits"]) == ("", [], [])


def test_a_file_that_is_not_a_picture_is_refused_with_the_accepted_formats(
    client: TestClient,
) -> None:
    for path in ("/api/read", "/api/tables", "/api/doctor"):
        response = client.post(path, content=b"<svg></svg>", headers={"Content-Type": "image/png"})
        assert response.status_code == 400
        assert "PNG" in response.json()["error"]["expected"]


def test_the_doctor_draws_a_picture(client: TestClient, drawing: bytes) -> None:
    response = client.post("/api/doctor", content=drawing)
    assert response.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).width == 1240


def test_a_table_has_rows_of_cells(client: TestClient) -> None:
    page = np.full((240, 340), 235, np.uint8)
    page[20:221:100] = page[:, 20:321:100] = 60
    page[140:200, 168:172] = 40  # a 1 in the second row
    page[:20] = page[222:] = 235
    page[:, :20] = page[:, 322:] = 235
    file = io.BytesIO()
    Image.fromarray(page).save(file, "PNG")
    answer = client.post("/api/tables", content=file.getvalue()).json()
    assert (answer["width"], answer["height"]) == (340, 240)
    (table,) = answer["tables"]
    texts = [[cell["text"] for cell in row] for row in table["rows"]]
    assert texts[0] == ["", "", ""]
    assert texts[1][0] == texts[1][2] == ""
    assert texts[1][1] in ("1", "?")
    assert set(table["rows"][0][0]) == {"text", "value", "confidence", "box"}


def test_a_picture_of_several_pages_has_no_doctors_picture(client: TestClient) -> None:
    response = client.post("/api/doctor", content=pdf(2))
    assert response.status_code == 400
    assert response.json()["error"]["what"] == "2 pages"
    assert response.json()["error"]["remedy"] == "send one page at a time"
