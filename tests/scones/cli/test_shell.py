"""What a shell's user expects of any command: help, completion, colours, a profile, a region and exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from scones.cli import ORDER, app

from .conftest import Run
from .program import NO_CREDENTIALS, scones

ROOT = Path(__file__).parents[3]
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


def commands(group: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, those of groups included."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield (*names, name)


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("command", list(commands(get_command(app))), ids=" ".join)
def test_every_command_has_an_example_json_and_help_by_its_short_name(command: tuple[str, ...]) -> None:
    text = shown(*command, "-h")
    assert text == shown(*command, "--help")
    assert f"Example: scones {' '.join(command)}" in text
    assert "--json" in text


def test_the_help_lists_the_commands_in_the_order_of_use(folder: Path) -> None:
    listed = re.findall(r"^│ ([a-z]+) ", scones(folder, "--help").stdout, re.MULTILINE)
    assert listed == list(ORDER)


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("scones de", {"demo", "deploy", "deliver", "deliveries"}),
        ("scones loc", {"local"}),
        ("scones orders s", {"sample"}),
    ],
)
def test_a_shell_completes_commands(folder: Path, words: str, completions: set[str]) -> None:
    asked = {"_SCONES_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert set(scones(folder, env=NO_CREDENTIALS | asked).stdout.split()) == completions


@pytest.mark.parametrize(("variables", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_turns_colours_off(folder: Path, variables: dict[str, str], has_colour: bool) -> None:
    done = scones(folder, "cleanup", "--plan", env=NO_CREDENTIALS | {"FORCE_COLOR": "1", "TERM": "xterm"} | variables)
    assert "no AWS credentials" in done.stderr
    assert bool(COLOUR.search(done.stderr)) == has_colour


@pytest.fixture
def configured(localaws: Any, tmp_path: Path) -> dict[str, str]:
    """An environment whose profile `laptop` is the local AWS, and whose own keys and region are of nowhere."""
    endpoint = f"endpoint_url = {localaws.url}"
    keys = "aws_access_key_id = test\naws_secret_access_key = test"
    (tmp_path / "config").write_text(f"[profile laptop]\nregion = us-east-1\n{endpoint}\n{keys}\n")
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    return NO_CREDENTIALS | files


def test_a_profile_of_the_command_line_is_the_one_that_is_used(folder: Path, configured: dict[str, str]) -> None:
    done = scones(folder, "--profile", "laptop", "cleanup", "--plan", "--json", env=configured)
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stderr


def test_a_profile_that_does_not_exist_says_what_to_do(folder: Path, configured: dict[str, str]) -> None:
    done = scones(folder, "--profile", "nowhere", "cleanup", "--plan", env=configured)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "(nowhere) could not be found; run `aws configure --profile nowhere`" in done.stderr


def test_a_region_of_the_command_line_comes_before_that_of_the_profile(
    folder: Path, configured: dict[str, str]
) -> None:
    done = scones(folder, "--profile", "laptop", "--region", "eu-central-1", "deliveries", env=configured)
    assert done.returncode == 1
    assert "scones-storage" in done.stderr
    done = scones(folder, "--region", "no region", "deliveries", env=configured | {"AWS_PROFILE": "laptop"})
    assert done.returncode == 1
    assert "no region" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["deliveries"], 1),
        (["forget", "anna"], 1),
        (["no-such-command"], 2),
        (["orders", "add"], 2),
        (["deliveries", "--limit", "0"], 2),
        (["review", "5f0c"], 2),
        (["deliveries", "--since", "yesterday"], 2),
    ],
    ids=str,
)
def test_the_exit_code_is_0_when_done_1_when_it_failed_and_2_for_a_wrong_use(
    folder: Path, arguments: list[str], code: int
) -> None:
    done = scones(folder, *arguments)
    assert (done.returncode, bool(done.stderr)) == (code, code != 0)


def test_the_page_of_the_command_line_has_every_exit_code_and_option() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    for text in ("| 0 |", "| 1 |", "| 2 |", "| 130 |", "--profile", "--region", "NO_COLOR", "errors.md"):
        assert text in page


def test_json_keys_are_in_snake_case(run: Run, tmp_path: Path) -> None:
    (tmp_path / "evening.csv").write_text("order_id,promised_at,distance_km\no-17,2026-11-25T19:30Z,9\n")
    for arguments in (
        ("orders", "sample", str(tmp_path / "sample.csv")),
        ("orders", "import", str(tmp_path / "evening.csv")),
        ("orders", "list"),
        ("forget", "anna", "--plan"),
    ):
        rows = json.loads(run(*arguments).stdout)
        assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", key) for row in rows for key in row), rows
