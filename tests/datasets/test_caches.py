from pathlib import Path

from mnistry.datasets import caches


def test_own_folder_follows_mnistry_home(monkeypatch, tmp_path):
    monkeypatch.setenv("MNISTRY_HOME", str(tmp_path))
    assert caches.own() == tmp_path / "datasets"
    assert not caches.own().exists()


def test_keras_folder_follows_keras_home(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert caches.keras() == tmp_path / "datasets"


def test_keras_folder_is_in_the_home_folder_otherwise(monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    assert caches.keras() == Path.home() / ".keras" / "datasets"
