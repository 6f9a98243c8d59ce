import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from scones.errors import LeftBehindError, SconesError, UsageError

ROOT = Path(__file__).parents[2]


def tree(error: type[SconesError] = SconesError) -> Iterator[type[SconesError]]:
    yield error
    for child in error.__subclasses__():
        yield from tree(child)


@pytest.fixture
def error_tree() -> ModuleType:
    spec = importlib.util.spec_from_file_location("error_tree", ROOT / "tools" / "error_tree.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("error", list(tree()))
def test_the_docstring_of_every_error_is_a_sentence_of_its_own(error: type[SconesError]) -> None:
    assert error.__doc__ is not None
    assert error.__doc__.endswith(".")
    assert error.__doc__ not in {other.__doc__ for other in tree() if other is not error}


def test_docs_errors_is_up_to_date(error_tree: ModuleType) -> None:
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == error_tree.page()


def test_usage_errors_exit_with_2_and_all_others_with_1() -> None:
    assert {error.exit_code for error in tree(UsageError)} == {2}
    assert {error.exit_code for error in tree() if not issubclass(error, UsageError)} == {1}


def test_the_error_of_cleanup_has_the_names_of_what_is_left() -> None:
    assert LeftBehindError("2 resources are left", ["a", "b"]).left == ["a", "b"]
