from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

import mnistry
from mnistry.reading import Reader

WIDTH, HEIGHT = 110, 60  # of a cell, in pixels
MARGIN = 40  # pixels of paper around the table


@pytest.fixture(scope="session")
def reader() -> Reader:
    return Reader(threads=1)


@pytest.fixture(scope="session")
def sheet() -> Callable[..., np.ndarray]:
    """Rule a table on light paper and write real digits in its cells."""
    images, labels = mnistry.load("sample").train
    shapes = {str(digit): images[labels == digit][0] for digit in range(10)}

    def write(rows: Sequence[Sequence[str]], *, borders: bool = True, rule: int = 60) -> np.ndarray:
        count, columns = len(rows), len(rows[0])
        paper = np.full((count * HEIGHT + 2 * MARGIN, columns * WIDTH + 2 * MARGIN), 235, np.uint8)
        lines = slice(None) if borders else slice(1, -1)
        for y in range(MARGIN, MARGIN + count * HEIGHT + 1, HEIGHT)[lines]:
            paper[y - 1 : y + 1, MARGIN:-MARGIN] = rule
        for x in range(MARGIN, MARGIN + columns * WIDTH + 1, WIDTH)[lines]:
            paper[MARGIN:-MARGIN, x - 1 : x + 1] = rule
        for i, row in enumerate(rows):
            for j, text in enumerate(row):
                x = MARGIN + j * WIDTH + (WIDTH - 30 * len(text)) // 2
                y = MARGIN + i * HEIGHT + 8
                for k, digit in enumerate(text):
                    ink = cv2.resize(shapes[digit], (44, 44), interpolation=cv2.INTER_CUBIC)
                    left = max(0, x + 30 * k - 7)
                    part = paper[y : y + 44, left : left + 44]
                    np.minimum(part, 235 - np.minimum(ink, 200)[:, : part.shape[1]], out=part)
        return paper

    return write


@pytest.fixture(scope="session")
def photograph() -> Callable[..., np.ndarray]:
    """Photograph a sheet on a dark desk: turned, and its top edge shorter by the share `depth`."""

    def take(paper: np.ndarray, degrees: float, depth: float = 0.0) -> np.ndarray:
        rows, columns = paper.shape
        corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64)
        moved = corners + depth * columns / 2 * np.array([[1, 0], [-1, 0], [0, 0], [0, 0]])
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        moved = moved @ turn
        moved += 40 - moved.min(0)
        size = tuple(np.ceil(moved.max(0) + 40).astype(int).tolist())
        move = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
        return cv2.warpPerspective(paper, move, size, flags=cv2.INTER_AREA, borderValue=70)

    return take
