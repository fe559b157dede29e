import pytest

from mnistry.datasets import libsvm
from mnistry.errors import DataError


@pytest.mark.parametrize(
    "pairs",
    [
        "nan:3",
        "1e300:3",
        "1.5:3",
        "0:3",
        "9:1 3:2",
        "3:1 3:2",
        "3",
        "3:",
        "3:nan",
        "3:1e300",
        "3:1:2",
    ],
)
def test_a_pair_that_is_none_is_refused_with_its_row(tmp_path, pairs):
    path = tmp_path / "digits.libsvm"
    path.write_text(f"5 153:3 154:18\n7 {pairs}\n")
    with pytest.raises(DataError, match=r"digits\.libsvm, row 2: .* is not a row"):
        libsvm.source(path)
