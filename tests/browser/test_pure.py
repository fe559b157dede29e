"""Test the functions in static/pure with the Node.js that comes with Playwright."""

import subprocess
from pathlib import Path

import pytest

_driver = pytest.importorskip(
    "playwright._impl._driver", reason="the browser's tests need: pip install playwright"
)


def test_the_functions_that_need_no_page():
    node, _ = _driver.compute_driver_executable()
    tests = Path(__file__).with_name("pure") / "pure.test.js"
    done = subprocess.run(
        [node, "--test", str(tests)], capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout
    assert "pass 0" not in done.stdout
