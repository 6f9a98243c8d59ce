"""Write docs/errors.md from the classes in `scones.errors`. Example: `.venv/bin/python tools/error_tree.py`"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from scones.errors import SconesError

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
HEAD = """# Errors

Every error that Scones raises on purpose, generated from `src/scones/errors.py` by `tools/error_tree.py`. The command
line prints its message as one line and exits with its code: 2 for `UsageError`, 1 for the others.

"""


def page() -> str:
    return HEAD + "\n".join(_lines(SconesError, 0)) + "\n"


def _lines(error: type[SconesError], depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}- `{error.__name__}`: {inspect.getdoc(error)}"
    for child in error.__subclasses__():
        yield from _lines(child, depth + 1)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
