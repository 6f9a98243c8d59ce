import stat
from configparser import RawConfigParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.errors import ServerError
from localaws.server.environment import client_settings
from localaws.server.profile import write_profile

SETTINGS = client_settings("http://127.0.0.1:1")
OTHER_SETTINGS = client_settings("http://127.0.0.1:2")


def environ(folder: Path) -> dict[str, str]:
    return {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }


def parsed(path: Path) -> dict[str, dict[str, str]]:
    parser = RawConfigParser(default_section="")
    parser.read_string(path.read_text())
    return {name: dict(parser[name]) for name in parser.sections()}


def test_a_profile_is_written_into_both_files(tmp_path: Path) -> None:
    folder = tmp_path / ".aws"
    assert write_profile("laptop", SETTINGS, environ(folder)) == [folder / "config", folder / "credentials"]
    assert parsed(folder / "config") == {
        "profile laptop": {"endpoint_url": "http://127.0.0.1:1", "region": "us-east-1"},
    }
    assert parsed(folder / "credentials") == {"laptop": {"aws_access_key_id": "test", "aws_secret_access_key": "test"}}
    assert stat.S_IMODE((folder / "credentials").stat().st_mode) == 0o600


def test_without_variables_the_files_are_those_of_the_home_folder() -> None:
    with pytest.raises(ServerError):
        write_profile("default", SETTINGS, {})


BEFORE = "; mine\n[default]\nregion=eu-west-1\n\n# about work\n[profile work]\ns3 =\n  addressing_style = path\n"


def test_everything_else_in_a_file_stays_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(BEFORE)
    config.chmod(0o644)
    write_profile("laptop", SETTINGS, environ(tmp_path))
    with config.open("a") as file:
        file.write("\n# about the last\n[profile last]\nregion = x\n")
    once = config.read_text()
    write_profile("laptop", OTHER_SETTINGS, environ(tmp_path))
    assert config.read_text() == once.replace("127.0.0.1:1", "127.0.0.1:2")
    assert once.startswith(BEFORE)
    assert stat.S_IMODE(config.stat().st_mode) == 0o644


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").write_text(BEFORE)
    (tmp_path / "config").symlink_to("dotfiles")
    write_profile("laptop", SETTINGS, environ(tmp_path))
    assert (tmp_path / "config").is_symlink()
    assert "profile laptop" in parsed(tmp_path / "dotfiles")


@pytest.mark.parametrize(
    "section",
    [
        "[profile laptop]\nregion = eu-west-1\n",
        '[profile "laptop"]\nregion = eu-west-1\n',
        "[profile laptop]\n",
        "[profile laptop]\n# Written by localaws, which overwrites it.\nregion = us-east-1\nsso_session = mine\n",
        "[profile laptop]\n# Written by localaws, which overwrites it.\nregion = us-east-1\n\nrole_arn = mine\n",
    ],
)
def test_a_profile_that_localaws_did_not_write_is_left_alone(tmp_path: Path, section: str) -> None:
    (tmp_path / "config").write_text(section)
    with pytest.raises(ServerError, match="not written by localaws; choose another name"):
        write_profile("laptop", SETTINGS, environ(tmp_path))
    assert (tmp_path / "config").read_text() == section
    assert not (tmp_path / "credentials").exists()


def test_foreign_credentials_of_that_name_leave_both_files_alone(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[laptop]\naws_access_key_id = real\n")
    with pytest.raises(ServerError, match=r"\[laptop\] of .*credentials"):
        write_profile("laptop", SETTINGS, environ(tmp_path))
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("content", [b"no section\n", b"[a]\nx = 1\n[a]\nx = 2\n", b"[a]\nx = \xff\n"])
def test_a_file_that_cannot_be_read_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config").write_bytes(content)
    with pytest.raises(ServerError, match="config"):
        write_profile("laptop", SETTINGS, environ(tmp_path))
    assert (tmp_path / "config").read_bytes() == content


@pytest.mark.parametrize("name", ["", "default", "a]\n[default", "a b", "x" * 65])
def test_a_name_that_is_not_a_profile_of_its_own_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServerError, match="cannot be the profile's name"):
        write_profile(name, SETTINGS, environ(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerError, match=r"cannot be (read|written)"):
        write_profile("laptop", SETTINGS, environ(tmp_path / "file"))


LINES = st.sampled_from(
    ["[profile a]", "[profile laptop]", "[default]", "# note", "", "region = x", "  deep = y", "\f"]
)


@given(lines=st.lists(LINES, max_size=8))
def test_whatever_a_file_holds_its_lines_stay_and_the_profile_is_there_or_nothing_changes(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("aws")
    config = folder / "config"
    before = "\n".join(lines)
    config.write_text(before)
    try:
        write_profile("laptop", SETTINGS, environ(folder))
    except ServerError:
        assert config.read_text() == before
    else:
        assert config.read_text().startswith(before)
        assert parsed(config)["profile laptop"]["endpoint_url"] == SETTINGS["endpoint_url"]
