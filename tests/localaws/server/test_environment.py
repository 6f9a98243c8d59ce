import tempfile
from pathlib import Path

from localaws.server.environment import client_environment, prepare


def test_the_callers_aws_settings_do_not_reach_the_server(tmp_path: Path) -> None:
    environ = {"AWS_PROFILE": "mine", "SFN_WAIT_SCALE": "0", "PATH": "/bin"}
    previous = tempfile.tempdir
    try:
        prepare(environ, tmp_path, "http://127.0.0.1:1", 1)
        assert tempfile.tempdir == str(tmp_path / "tmp")
    finally:
        tempfile.tempdir = previous
    assert "AWS_PROFILE" not in environ
    assert "SFN_WAIT_SCALE" not in environ
    assert environ["PATH"] == "/bin"
    assert environ["GATEWAY_PORT"] == "1"
    assert client_environment("http://127.0.0.1:1").items() <= environ.items()
