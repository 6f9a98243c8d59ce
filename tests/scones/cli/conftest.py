from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .program import children_of


@pytest.fixture
def folder(tmp_path: Path, eventually: Callable[..., Any]) -> Iterator[Path]:
    """An empty folder for a command, which must leave no process in it."""
    yield tmp_path
    eventually(lambda: not children_of(tmp_path))
