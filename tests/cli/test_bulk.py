import pytest


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ray", "local"], "--ray and -o go together"),
        (["-o", "out"], "--ray and -o go together"),
        (["--ray", "local", "-o", "out", "--jsonl"], "--ray writes Parquet"),
        (["-", "--ray", "local", "-o", "out"], "--ray cannot read standard input"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    mnistry_command, tmp_path, options, said
) -> None:
    result = mnistry_command("read", tmp_path / "a.png", *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


@pytest.mark.filterwarnings("ignore")
def test_an_address_where_no_cluster_answers_is_refused(mnistry_command, tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    result = mnistry_command(
        "read", tmp_path / "a.png", "--ray", "127.0.0.1:9", "-o", tmp_path / "out"
    )
    assert (result.code, result.out) == (7, "")
    assert "no Ray cluster" in result.err
    assert not (tmp_path / "out").exists()
