"""Imports point one way: a module imports only modules before it in ORDER."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mnistry

SOURCE = Path(mnistry.__file__).parent

# The packages and single modules of mnistry, each after all that it imports.
ORDER = [
    "errors", "percent", "version", "concepts", "system", "images", "inference", "reading",
    "tables", "forms", "datasets", "doctor", "networks", "augmentation", "recipes", "training",
    "evaluation", "runs", "display", "explain", "cluster", "server", "studio", "cli", "__init__",
    "__main__",
]  # fmt: skip


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def package(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {node.module, *whole}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    parts = {name.split(".")[1] for name in names if name.startswith("mnistry.")}
    return parts & set(ORDER)


def test_every_package_is_in_the_order() -> None:
    assert {package(path) for path in modules()} == set(ORDER)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_packages_before_its_own(path: Path) -> None:
    if package(path) == "__init__":
        return  # it imports from all packages, but lazily or for type checkers
    later = ORDER[ORDER.index(package(path)) + 1 :]
    assert not imported(path) & set(later)


def loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


HEAVY = {"keras", "jax", "matplotlib", "onnx", "sklearn", "pandas", "requests"}


@pytest.mark.parametrize(
    "statement",
    [
        "import mnistry",
        "import mnistry.cli",
        "from mnistry import Form",
        "import mnistry.inference.onnx_session, mnistry.images.decode",
        "import mnistry.explain",
        "import mnistry.forms.batch, mnistry.forms.output, mnistry.forms.comparison",
        "import mnistry.doctor.examine, mnistry.doctor.sheet, mnistry.doctor.prototypes",
        "import mnistry.server.answers, mnistry.server.worker, mnistry.server.in_process",
        "import mnistry.studio.app",
        "import mnistry.runs.scoring, mnistry.runs.directory, mnistry.display.terminal",
        "import mnistry.forms.loading, mnistry.forms.printing, mnistry.forms.fields",
    ],
)
def test_nothing_heavy_is_imported_for(statement: str) -> None:
    assert not loaded_after(statement) & HEAVY


def test_the_command_line_starts_without_numpy() -> None:
    assert "numpy" not in loaded_after("import mnistry.cli")


def test_no_module_imports_pyplot() -> None:
    for path in modules():
        nodes = ast.walk(ast.parse(path.read_text()))
        assert not any("pyplot" in ast.unparse(n) for n in nodes if _is_import(n)), path


def _is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_teaching_needs_no_keras() -> None:
    loaded = loaded_after("import mnistry.cli.teach, mnistry.runs.teaching")
    assert not loaded & {"keras", "jax", "matplotlib"}


def test_the_process_that_answers_clients_loads_nothing_that_reads() -> None:
    loaded = loaded_after("import mnistry.server.main, mnistry.server.app, mnistry.server.serve")
    assert not loaded & {*HEAVY, "numpy", "cv2", "onnxruntime", "fastapi", "pydantic"}
