"""The notebook, as a newcomer goes through it: it runs, and shows what it is said to show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOK = EXAMPLES / "mnist_with_keras.ipynb"
HEADINGS = [
    "# Teaching a network to read digits, step by step",
    "## 1. Tensors and rank",
    "## 2. The data, and a digit as numbers",
    "## 3. Pictures",
    "## 4. Layers",
    "## 5. Activation functions",
    "## 6. Softmax",
    "## 7. Cross-entropy",
    "## 8. Batches, epochs and gradient descent",
    "## 9. Compile, fit, evaluate",
    "## 10. Overfitting",
    "## 11. What to try next",
]

# Cells with this tag show the results of a training. Another processor rounds differently, and the
# differences grow from step to step, so their figures are compared within what another seed
# changes (n = 10: accuracy 97.48 to 98.04 %, loss 0.061 to 0.080).
TRAINED = "trained"
POINTS = 1.0  # tolerance of an accuracy, in percentage points
RELATIVE, ABSOLUTE = 0.3, 1e-3  # tolerance of every other number that is not whole

SECONDS = re.compile(r"\b\d+(?:\.\d+)? ?[mu]?s(?:/step)?\b")
NUMBER = re.compile(r"(accuracy: )?([-+]?\d[\d,]*(?:\.\d*)?(?:e[-+]\d+)?)( ?%| percentage points)?")
PATH = re.compile(r"(?<![\w.])[/~][\w.-]+/|[A-Za-z]:\\|0x[0-9a-f]{6}")


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def shown(cell: nbformat.NotebookNode) -> str:
    """All that a cell printed or displayed as text, and the types of its pictures."""
    lines = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            lines.append(output.text)
        elif output.output_type in ("display_data", "execute_result"):
            lines += [output.data["text/plain"], *sorted(set(output.data) - {"text/plain"})]
    return " ".join("\n".join(lines).split())


def difference(expected: str, found: str, trained: bool) -> str | None:
    """Say where two texts differ by more than rounding; how long things took is left out."""
    expected, found = (SECONDS.sub("TIME", text) for text in (expected, found))
    if NUMBER.sub("N", expected) != NUMBER.sub("N", found):
        return f"expected: {expected}\nfound: {found}"
    pairs = zip(NUMBER.finditer(expected), NUMBER.finditer(found), strict=True)
    for (label, number, unit), (_, other, _) in ((a.groups(), b.groups()) for a, b in pairs):
        a, b = (float(text.replace(",", "")) for text in (number, other))
        if abs(a - b) > tolerance(number, label, unit, trained):
            return f"expected {number}, found {other}, in: {found}"
    return None


def tolerance(number: str, label: str | None, unit: str | None, trained: bool) -> float:
    if trained and unit:
        return POINTS
    if "." not in number and "e" not in number:
        return 0
    if trained and label:
        return POINTS / 100
    last_place = 10.0 ** -len(number.partition(".")[2]) if "e" not in number else 0.0
    if trained:
        return max(ABSOLUTE, RELATIVE * abs(float(number)))
    return 1.001 * last_place


def execute(output: Path, **environment: str) -> nbformat.NotebookNode:
    """Run the notebook in new processes, without the user's settings and without a display."""
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    given = {name: value for name, value in os.environ.items() if name not in displays}
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        given[name] = str(output.parent / name.lower())
    result = subprocess.run(
        [sys.executable, EXAMPLES / "execute.py", "-o", output],
        env=given | environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return nbformat.read(output, as_version=4)


@pytest.mark.slow
def test_the_notebook_shows_what_it_computes(
    notebook: nbformat.NotebookNode, mnist_home: Path, optimized: None, tmp_path: Path
) -> None:
    found = execute(tmp_path / "executed.ipynb")
    wrong = [
        f"{cell.id}: {what}"
        for cell, again in zip(code_cells(notebook), code_cells(found), strict=True)
        if (what := difference(shown(cell), shown(again), TRAINED in tags(cell)))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_the_notebook_runs_on_the_sample_when_offline(tmp_path: Path) -> None:
    proxy = "http://127.0.0.1:9"
    found = execute(tmp_path / "executed.ipynb", HTTPS_PROXY=proxy, https_proxy=proxy)
    everything = "\n".join(shown(cell) for cell in code_cells(found))
    assert "dataset sample" in everything
    assert "4,000 images: 31 batches of 128 and one of 32" in everything
    assert "largest difference between two weights" in everything


@pytest.mark.parametrize(
    ("expected", "found", "trained", "same"),
    [
        ("469/469 - 4s - 9ms/step", "469/469 - 12s - 850us/step", False, True),
        ("469/469 12.5 s", "470/470 12.5 s", True, False),
        ("10,000 images", "9,999 images", True, False),
        ("same weights: True", "same weights: False", True, False),
        ("0.6652 nats", "0.6653 nats", False, True),
        ("0.6652 nats", "0.6655 nats", False, False),
        ("loss 0.0654", "loss 0.0610", True, True),
        ("loss 0.0654", "loss 0.0440", True, False),
        ("difference 0.0", "difference 2.5e-07", True, True),
        ("difference 0.0", "difference 0.01", True, False),
        ("97.95%", "98.40%", True, True),
        ("97.95%", "96.90%", True, False),
        ("97.95%", "97.90%", False, False),
        ("accuracy: 0.9886 - loss: 0.0377", "accuracy: 0.9850 - loss: 0.0400", True, True),
        ("accuracy: 0.9886 - loss: 0.0377", "accuracy: 0.9780 - loss: 0.0377", True, False),
        ("1.36 percentage points", "1.10 percentage points", True, True),
        ("ranks (60000, 28, 28)", "ranks (60000, 784)", True, False),
    ],
)
def test_rounding_is_forgiven_and_nothing_else(
    expected: str, found: str, trained: bool, same: bool
) -> None:
    assert (difference(expected, found, trained) is None) == same


def test_the_ideas_come_in_their_order(notebook: nbformat.NotebookNode) -> None:
    lines = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown").splitlines()
    assert [line for line in lines if line.startswith("#")] == HEADINGS


def test_a_paragraph_stands_before_every_cell_of_code(notebook: nbformat.NotebookNode) -> None:
    kinds = [cell.cell_type for cell in notebook.cells]
    assert not [n for n, kind in enumerate(kinds) if kind == "code" and kinds[n - 1] == "code"]
    assert kinds[0] == "markdown"


def test_no_output_holds_an_error_a_warning_or_a_path(notebook: nbformat.NotebookNode) -> None:
    for cell in code_cells(notebook):
        kinds = {output.get("name", output.output_type) for output in cell.outputs}
        assert kinds <= {"stdout", "display_data", "execute_result"}, cell.id
        assert not PATH.search(shown(cell)), cell.id


def test_the_file_holds_no_traces_of_an_editor_or_a_machine(
    notebook: nbformat.NotebookNode,
) -> None:
    nbformat.validate(notebook)
    assert NOTEBOOK.read_text("utf-8") == nbformat.writes(notebook) + "\n"
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(code_cells(notebook), start=1):
        assert cell.execution_count == number
        assert cell.metadata in ({}, {"tags": [TRAINED]})
        assert all(not output.get("metadata") for output in cell.outputs)
    assert all(not cell.metadata for cell in notebook.cells if cell.cell_type == "markdown")
