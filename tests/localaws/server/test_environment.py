import json
import os
import subprocess
import sys
from pathlib import Path

from localaws.server.environment import client_environment, client_settings

URL = "http://127.0.0.1:4566"
# In a process of its own, because `prepare` also changes where the whole process makes its temporary files.
PREPARE = """
import json, os, sys, tempfile
from pathlib import Path
from localaws.server.environment import prepare
tempfile.gettempdir()
prepare(os.environ, Path(sys.argv[1]), sys.argv[2], 4566)
print(json.dumps([dict(os.environ), tempfile.gettempdir()]))
"""


def prepared(state: Path, **variables: str) -> tuple[dict[str, str], str]:
    """Return the environment variables and the temporary folder of a process after `prepare`."""
    argv = [sys.executable, "-c", PREPARE, str(state), URL]
    done = subprocess.run(argv, env={**os.environ, **variables}, stdout=subprocess.PIPE, check=True)
    environ, temporary = json.loads(done.stdout)
    return environ, temporary


def test_clients_get_the_url_and_any_credentials() -> None:
    environ = client_environment(URL)
    assert environ["AWS_ENDPOINT_URL"] == URL
    assert set(environ) == {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}


def test_the_settings_of_a_profile_are_those_of_the_environment() -> None:
    assert list(client_settings(URL).values()) == list(client_environment(URL).values())


def test_the_callers_aws_settings_do_not_reach_the_server(tmp_path: Path) -> None:
    foreign = {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "real", "S3_DATA_DIR": "/elsewhere", "SFN_WAIT_SCALE": "0"}
    environ, _ = prepared(tmp_path, UNRELATED="kept", **foreign)
    assert not {"AWS_PROFILE", "SFN_WAIT_SCALE"} & set(environ)
    assert environ["GATEWAY_PORT"] == "4566"
    assert environ["AWS_ACCESS_KEY_ID"] == "test"
    assert environ["S3_DATA_DIR"] == str(tmp_path / "s3")
    assert environ["UNRELATED"] == "kept"


def test_everything_is_written_below_the_state_folder(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    environ, temporary = prepared(tmp_path)
    assert temporary == str(tmp_path / "tmp")
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        assert tmp_path in Path(environ[name]).parents
