"""The most probable path through pieces of known shape, with made-up answers of a network."""

import numpy as np

from mnistry.reading import lattice
from mnistry.reading.segment import Line, Piece


def test_no_path_that_cuts_a_settled_mark_is_ever_more_probable() -> None:
    rng = np.random.default_rng(0)
    block = np.ones((40, 12), bool)
    pieces = tuple(
        Piece(100 * (i // 3) + 12 * (i % 3), 0, block, cut_before=bool(i % 3)) for i in range(9)
    )
    line = Line(pieces, 40.0, 6.0)
    wholes, every = lattice.wholes(line), lattice.spans(line)
    assert list(wholes) == [(0, 3), (3, 6), (6, 9)]
    count = 0
    for _ in range(200):
        answers = rng.dirichlet(np.full(10, 0.05), len(every)).astype(np.float32) + 1e-9
        by_span = dict(zip(every, answers, strict=True))
        settled = {s: p for s, p in wholes.items() if lattice.is_best(line, p, by_span[s])}
        fewer = lattice.spans(line, settled)
        few = np.stack([by_span[span] for span in fewer])
        paths = [
            [list(found)[i] for i in lattice.best(line, found, given)]
            for found, given in ((every, answers), (fewer, few))
        ]
        assert paths[0] == paths[1]
        count += len(every) > len(fewer)
    assert count > 20
