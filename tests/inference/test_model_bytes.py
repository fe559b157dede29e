import os
import pickle  # noqa: TID251 – for a file that is refused
from pathlib import Path

import pytest

from mnistry.errors import ModelError
from mnistry.inference import model_bytes


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_file_of_the_right_kind_is_read_whole(tmp_path):
    assert model_bytes.read(written(tmp_path / "m.keras", b"PK\x03\x04rest"), ".keras", 8) == (
        b"PK\x03\x04rest"
    )
    assert model_bytes.read(written(tmp_path / "m.ONNX", b"\x08\x08"), ".onnx", 8) == b"\x08\x08"


@pytest.mark.parametrize("suffix", [".keras", ".onnx"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"\n <!DOCTYPE html><html>Sign in</html>", "a web page"),
        (b"\xef\xbb\xbf<html>", "a web page"),
    ],
)
def test_fault_68_web_page_or_empty_file(tmp_path, suffix, content, said):
    path = written(tmp_path / f"model{suffix}", content)
    with pytest.raises(ModelError, match=said) as caught:
        model_bytes.read(path, suffix, 1000)
    assert str(path) in str(caught.value)
    assert "get the file again" in str(caught.value)


@pytest.mark.parametrize("suffix", [".keras", ".onnx"])
@pytest.mark.parametrize("name", ["model.h5", "model.HDF5", "model.pkl", "model.pt", "model"])
def test_fault_74_other_ending(tmp_path, suffix, name):
    path = written(tmp_path / name, b"PK\x03\x04")
    with pytest.raises(ModelError, match=f"expected a {suffix} file"):
        model_bytes.read(path, suffix, 1000)


@pytest.mark.parametrize("suffix", [".keras", ".onnx"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file"),
        *((pickle.dumps(print, protocol), "a pickle") for protocol in (2, 3, 4, 5)),
    ],
)
def test_fault_74_other_format_under_the_right_name(tmp_path, suffix, content, said):
    with pytest.raises(ModelError, match=said):
        model_bytes.read(written(tmp_path / f"model{suffix}", content), suffix, 1000)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/model.onnx",
        "https://example.org/model.onnx",
        "s3://bucket/model.onnx",
        "hf://somebody/model.onnx",
        "file:///model.onnx",
        Path("gs://bucket/model.onnx"),  # pathlib leaves one slash
    ],
)
def test_fault_74_remote_address(address):
    with pytest.raises(ModelError, match=r"a remote address.*download it first"):
        model_bytes.read(address, ".onnx", 1000)


def test_a_windows_drive_is_no_remote_address():
    with pytest.raises(ModelError, match="no such file"):
        model_bytes.read("C:/nothing/model.onnx", ".onnx", 1000)


def test_a_keras_file_is_not_taken_for_onnx(tmp_path):
    with pytest.raises(ModelError, match="a zip archive"):
        model_bytes.read(written(tmp_path / "m.onnx", b"PK\x03\x04"), ".onnx", 1000)
    with pytest.raises(ModelError, match=r"mnistry adopt .*m\.keras -o RUN"):
        model_bytes.read(written(tmp_path / "m.keras", b"PK\x03\x04"), ".onnx", 1000)


def test_a_file_over_the_limit_is_not_read(tmp_path):
    path = written(tmp_path / "m.onnx", b"\x08" * 9)
    assert len(model_bytes.read(path, ".onnx", 9)) == 9
    with pytest.raises(ModelError, match="too large"):
        model_bytes.read(path, ".onnx", 8)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        model_bytes.read(tmp_path / "m.onnx", ".onnx", 1000)
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ModelError, match="not a regular file"):
        model_bytes.read(tmp_path / "folder.onnx", ".onnx", 1000)


if hasattr(os, "mkfifo"):  # not on Windows

    def test_a_pipe_does_not_block(tmp_path):
        os.mkfifo(tmp_path / "m.onnx")
        with pytest.raises(ModelError, match="not a regular file"):
            model_bytes.read(tmp_path / "m.onnx", ".onnx", 1000)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path / "m.onnx", b"\x08")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ModelError, match="Permission denied"):
        model_bytes.read(path, ".onnx", 1000)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m.safetensors", ["weights without their network", "load_file('", "torch.onnx.export("]),
        ("m.pt", ["a pickle can run any code", "torch.onnx.export(model.eval()"]),
        ("arch.json", ["a network's description", "model_from_json(open('", "load_weights"]),
    ],
)
def test_parts_of_a_network_are_named_with_the_code_that_completes_them(tmp_path, name, words):
    path = written(tmp_path / name, b"{}      ")
    message = str(model_bytes.refusal(path, "a .keras file"))
    for word in words:
        assert word in message
