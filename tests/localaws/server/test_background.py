import fcntl
import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.errors import ServerError
from localaws.server import background
from localaws.server.background import RunningServer


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A folder whose server, if a test starts one, is stopped in the end."""
    folder = tmp_path / "state"
    yield folder
    running = background.find(folder)
    if running is not None:
        background.stop(running)


def ended_process() -> RunningServer:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return RunningServer(process.pid, 1, "http://127.0.0.1:1", datetime.now(UTC).isoformat())


def test_a_server_is_started_found_described_and_stopped(state: Path) -> None:
    assert background.find(state) is None
    server = background.start(state, 0)
    assert background.find(state) == server
    description = background.describe(server)
    assert (description["url"], description["pid"]) == (server.url, server.pid)
    assert {description[name] for name in ("buckets", "functions", "state_machines", "endpoints")} == {0}
    assert background.choose_port(state) == server.port == description["port"]
    background.stop(server)
    assert background.find(state) is None
    assert not (state / "server.json").exists()


def test_the_file_of_a_killed_server_is_not_a_running_server(state: Path) -> None:
    state.mkdir()
    about = {"pid": 1, "port": 1, "url": "http://127.0.0.1:1", "started_at": datetime.now(UTC).isoformat()}
    (state / "server.json").write_text(json.dumps(about))
    (state / "lock").touch()
    assert background.find(state) is None


def test_a_failed_start_is_reported_with_the_last_line_of_its_own_log(localaws: Any, state: Path) -> None:
    state.mkdir()
    log = state / background.LOG
    log.write_text("a line of an earlier server\n")
    port = int(localaws.url.rpartition(":")[2])
    with pytest.raises(ServerError, match="Address already in use") as raised:
        background.start(state, port)
    assert str(raised.value).startswith(f"127.0.0.1:{port} cannot be used")
    assert str(raised.value).endswith(f"(The log is {log}.)")


def test_a_failed_start_is_not_reported_with_what_another_server_has_logged(localaws: Any) -> None:
    log = localaws.state / background.LOG

    def sleep(seconds: float) -> None:
        # The other server writes after the error of this one.
        if log.exists() and "error: " in log.read_text():
            log.write_text(log.read_text() + "localaws ready on http://127.0.0.1:1\n")

    with pytest.raises(ServerError, match=r"^Another server uses"):
        background.start(localaws.state, 0, sleep)


def test_the_port_of_a_new_folder_is_the_default(state: Path) -> None:
    assert background.choose_port(state) == background.DEFAULT_PORT


@given(content=st.binary(max_size=20))
def test_what_is_no_port_is_not_chosen(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("state")
    (folder / "port").write_bytes(content)
    assert 0 < background.choose_port(folder) < 65536


def test_a_change_waits_for_the_end_of_another(state: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with background.changing(state):
            order.append("second")

    with background.changing(state):
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_start_that_is_interrupted_leaves_no_server(state: Path) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        background.start(state, 0, interrupt)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    assert not (state / "server.json").exists()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match="cannot be written"):
        background.start(tmp_path / "file" / "state", 0)


def test_a_server_that_has_ended_cannot_be_described_but_stopped_again() -> None:
    server = ended_process()
    with pytest.raises(ServerError, match="has just ended"):
        background.describe(server)
    background.stop(server)
