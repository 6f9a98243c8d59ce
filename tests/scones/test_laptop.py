from __future__ import annotations

import io
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError
from rich.console import Console

from scones.clients import ClientFactory
from scones.errors import AlreadyRunningError, LocalServerError
from scones.laptop import demo_lock, laptop
from scones.progress import Reporter


@pytest.fixture
def reporter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reporter:
    """A reporter, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    return Reporter(Console(file=io.StringIO()))


def test_the_local_aws_runs_for_the_block_and_leaves_no_state(reporter: Reporter, tmp_path: Path) -> None:
    with laptop(reporter, keep=False) as client:
        s3 = client("s3")
        s3.create_bucket(Bucket="here")
        assert client("s3") is s3
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["here"]
    with pytest.raises(EndpointConnectionError):
        s3.list_buckets()
    assert list((tmp_path / ".scones").iterdir()) == []


def test_a_block_that_raises_stops_a_server_that_should_be_kept(reporter: Reporter) -> None:
    clients = []

    def use(client: ClientFactory) -> None:
        clients.append(client("s3"))
        clients[0].list_buckets()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), laptop(reporter, keep=True) as client:
        use(client)
    with pytest.raises(EndpointConnectionError):
        clients[0].list_buckets()


def test_a_server_that_does_not_start_is_an_error_with_its_log(reporter: Reporter, tmp_path: Path) -> None:
    (tmp_path / ".scones").mkdir()
    (tmp_path / ".scones" / "localaws").write_text("a file where the server's folder should be")
    with pytest.raises(LocalServerError), laptop(reporter, keep=True):
        pass


def test_the_lock_of_the_demo_is_held_once(reporter: Reporter) -> None:
    with demo_lock(), pytest.raises(AlreadyRunningError, match="another demo runs in this folder"), demo_lock():
        pass
    with demo_lock():
        pass
