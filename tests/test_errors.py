import pytest

from mnistry import errors


def test_an_error_says_where_what_expected_and_remedy_in_one_line() -> None:
    error = errors.DataError("256 is no pixel", where="a.csv", expected="0 to 255", remedy="mend")
    assert str(error) == "a.csv: 256 is no pixel; expected 0 to 255; mend"


def test_a_file_name_cannot_break_the_line_or_send_terminal_codes() -> None:
    text = str(errors.DataError("bad", where="evil\n\x1b[31mname"))
    assert "\n" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.UsageError, 2),
        (errors.DataError, 3),
        (errors.DownloadError, 4),
        (errors.CacheError, 4),
        (errors.ModelError, 5),
        (errors.DivergedError, 6),
        (errors.ResourceError, 7),
        (errors.IncompleteError, 8),
    ],
)
def test_each_kind_has_the_exit_code_that_scripts_rely_on(
    kind: type[errors.MnistryError], code: int
) -> None:
    assert kind("x").exit_code == code
