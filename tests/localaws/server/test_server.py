import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from localaws.errors import ContainerImageError, ServerError
from localaws.server.server import serve


def test_a_ready_server_is_described_by_its_file_until_it_stops(
    start_localaws: Callable[..., Any], tmp_path: Path
) -> None:
    with start_localaws(tmp_path / "state") as server:
        about = json.loads((server.state / "server.json").read_text())
        assert (about["pid"], about["url"]) == (server.process.pid, server.url)
        assert about["port"] == urlsplit(server.url).port
        server.process.terminate()
        assert server.wait() == 0
    assert not (tmp_path / "state" / "server.json").exists()


def test_the_end_of_stdin_ends_the_server(start_localaws: Callable[..., Any], tmp_path: Path) -> None:
    with start_localaws(tmp_path / "state") as server:
        server.process.stdin.close()
        assert server.wait() == 0


def test_temporary_files_of_a_killed_server_are_removed(start_localaws: Callable[..., Any], tmp_path: Path) -> None:
    left = tmp_path / "state" / "tmp" / "lambda-left"
    left.mkdir(parents=True)
    with start_localaws(tmp_path / "state") as server:
        assert not left.exists()
        assert stat.S_IMODE((server.state / "tmp").stat().st_mode) == 0o700


def test_a_folder_in_use_is_refused_and_left_alone(localaws: Any) -> None:
    before = (localaws.state / "server.json").read_text()
    with pytest.raises(ServerError, match="Another server uses"):
        serve(localaws.state, "127.0.0.1", 0, [], until_eof=False)
    assert (localaws.state / "server.json").read_text() == before


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "Address already in use"), ("nowhere.invalid", "")])
def test_an_address_that_cannot_be_used_is_refused(localaws: Any, tmp_path: Path, host: str, reason: str) -> None:
    port = urlsplit(localaws.url).port
    with pytest.raises(ServerError, match=rf"^{host}:{port} cannot be used: .*{reason}"):
        serve(tmp_path, host, port, [], until_eof=False)


def test_a_wrong_image_option_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ContainerImageError, match="no-command"):
        serve(tmp_path / "state", "127.0.0.1", 0, ["no-command"], until_eof=False)
    assert not (tmp_path / "state").exists()
