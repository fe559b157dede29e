"""``import mnistry`` in a full install, and in a bare one that lacks Keras."""

import subprocess
import sys

import mnistry

# Hides Keras, as if it were not installed.
BARE = """
import importlib.abc, sys

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "keras":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
import mnistry
"""


def bare(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BARE + code], capture_output=True, text=True)


def test_every_public_name_can_be_imported() -> None:
    for name in mnistry.__all__:
        assert getattr(mnistry, name) is not None
    assert {"Scorecard", "Distortion", "wilson", "spread", "mcnemar"} <= set(mnistry.__all__)
    assert sorted(mnistry.__all__) == mnistry.__all__


def test_without_keras_only_the_names_that_need_it_are_missing() -> None:
    ran = bare(
        "import inspect\n"
        "assert not hasattr(mnistry, 'train')\n"
        "assert getattr(mnistry, 'build', None) is None\n"
        "members = dict(inspect.getmembers(mnistry))\n"
        "assert 'train' not in members\n"
        "assert {'Reader', 'Scorecard', 'wilson', 'load'} <= members.keys()\n"
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_without_keras_importing_a_name_that_needs_it_raises_an_error_with_the_remedy() -> None:
    ran = bare(
        "try:\n    from mnistry import train\nexcept ImportError as error:\n    print(error)\n"
    )
    assert ran.stdout == (
        "mnistry.train needs keras, which is not installed; pip install 'mnistry[train]'\n"
    )


def test_without_keras_using_a_name_that_needs_it_raises_an_error_with_the_remedy() -> None:
    ran = bare(
        "from mnistry.errors import UsageError\n"
        "try:\n"
        "    mnistry.train\n"
        "except UsageError as error:\n"
        "    print(error, error.exit_code)\n"
    )
    assert ran.stdout == (
        "mnistry.train needs keras, which is not installed; pip install 'mnistry[train]' 2\n"
    )
