from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_the_end_of_stdin_ends_the_server(start_localaws: Callable[..., Any], tmp_path: Path) -> None:
    with start_localaws(tmp_path / "state") as server:
        server.process.stdin.close()
        assert server.wait() == 0
