"""Print how the code reads, in figures, each beside its limit; exit 1 where a figure is over it (`make lint` runs it).

Example: `.venv/bin/python tools/code_metrics.py`
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
TESTS = ROOT / "tests"
# Comments that speak to a tool rather than to a reader.
DIRECTIVES = ("# type:", "# noqa", "# fmt:", "# pragma:")


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def files_in_the_fullest_folder() -> int:
    folders = [SOURCE, *(path for path in SOURCE.rglob("*") if path.is_dir() and path.name != "__pycache__")]
    return max(sum(path.is_file() for path in folder.iterdir()) for folder in folders)


def nodes(folder: Path = SOURCE) -> Iterator[ast.AST]:
    for path in python_files(folder):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def packed_assignments() -> int:
    """Count assignments of a tuple to a tuple where the right side calls something."""
    return sum(
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Tuple)
        and any(isinstance(part, ast.Call) for part in ast.walk(node.value))
        for node in nodes()
    )


def ruff_findings(rule: str) -> int:
    command = [sys.executable, "-m", "ruff", "check", "--select", rule, "--output-format", "json", "--exit-zero", "src"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return len(json.loads(done.stdout))


def comments_in_100_lines() -> float:
    lines = comments = 0
    for path in python_files(SOURCE):
        lines += len(path.read_text(encoding="utf-8").splitlines())
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                comments += token.type == tokenize.COMMENT and not token.string.startswith(DIRECTIVES)
    return round(100 * comments / lines, 2)


def undocumented_functions() -> int:
    """Count public functions of modules, and public methods of public classes, without a docstring."""
    return sum(ast.get_docstring(function) is None for path in python_files(SOURCE) for function in _public(path))


def _public(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    scopes = [ast.parse(path.read_text(encoding="utf-8")).body]
    while scopes:
        for node in scopes.pop():
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                scopes.append(node.body)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                yield node


def longest_function() -> int:
    """Return the lines of the longest function, its docstring included."""
    return max(
        (node.end_lineno or 0) - node.lineno + 1
        for node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def modules_without_a_test_file() -> list[str]:
    """Return the modules of src that have no file `test_<module>.py` in the folder of tests that mirrors theirs."""
    missing = []
    for path in python_files(SOURCE):
        mirrored = TESTS / path.relative_to(SOURCE).parent / f"test_{path.stem.strip('_')}.py"
        if path.stem != "__init__" and not mirrored.exists():
            missing.append(path.relative_to(SOURCE).as_posix())
    return missing


def tasks_without_retry() -> list[str]:
    return [
        f"{path.stem}: {name}"
        for path in sorted(SOURCE.rglob("*.asl.json"))
        for name, state in json.loads(path.read_text(encoding="utf-8"))["States"].items()
        if state["Type"] == "Task" and not state.get("Retry")
    ]


def patched_tests() -> int:
    text = "".join(path.read_text(encoding="utf-8") for path in python_files(TESTS))
    return sum(text.count(call) for call in ("monkeypatch.setattr", "mock.patch", "mocker."))


def table() -> list[tuple[str, float, float, bool]]:
    """Return rows of (what, figure, limit, whether the limit is a minimum)."""
    return [
        ("files in the fullest folder of src", files_in_the_fullest_folder(), 14, False),
        ("lines of the longest function", longest_function(), 50, False),
        ("tuple assignments whose right side calls", packed_assignments(), 15, False),
        ("Any as a parameter or result (ANN401)", ruff_findings("ANN401"), 40, False),
        ("functions with more than 5 arguments (PLR0913)", ruff_findings("PLR0913"), 5, False),
        ("comments in 100 lines", comments_in_100_lines(), 3, True),
        ("public functions without a docstring", undocumented_functions(), 0, False),
        ("modules without a test file of their name", len(modules_without_a_test_file()), 0, False),
        ("tasks without Retry", len(tasks_without_retry()), 0, False),
        ("patched tests", patched_tests(), 0, False),
    ]


def main() -> int:
    rows = table()
    for what, figure, limit, is_minimum in rows:
        print(f"{what:50} {figure:7g}   {'at least' if is_minimum else 'at most'} {limit:g}")
    for name in [*modules_without_a_test_file(), *tasks_without_retry()]:
        print(f"  missing: {name}")
    return int(any(figure < limit if is_minimum else figure > limit for _, figure, limit, is_minimum in rows))


if __name__ == "__main__":
    sys.exit(main())
