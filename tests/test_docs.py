"""The documents say what is true: the map names what exists, and every command is shown and explained."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from scones.cli import app

ROOT = Path(__file__).parents[1]
# Phrases that readers had to translate. What the code says is read like the documentation of AWS or PyTorch.
# `is None` is code, and "picture" in quotes is a key in the files of version 0.1.0.
DIALECT = re.compile(
    r"\b(whoever|for want of|anew|spoil\w*|strange\w*|hand(?:s|ed)? on|broke off|its word|of its own accord|"
    r"where there (?:is|are) none|(?:is|are|was|were) (?-i:none)\b|is no (?!longer)[a-z]+|knows nobody|held against|"
    r"(?:told|set|labels) apart|no more of|goes on where|stands? in (?:the|its) place|as it stands|doomed|stillborn|"
    r"by itself alone|in a person's words|odd ones?|(?<!\x22)picture\w*)\b",
    re.IGNORECASE,
)
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def tree() -> list[Path]:
    """Return the paths that ARCHITECTURE.md's map names."""
    block = (ROOT / "ARCHITECTURE.md").read_text().split("```")[1]
    paths: list[Path] = []
    parents: list[tuple[int, Path]] = []
    for line in block.strip("\n").splitlines():
        indent = len(line) - len(line.lstrip())
        names = re.findall(r"[\w./-]+\.(?:py|json|yaml)|[\w/-]+/(?=\s|$)", line)
        while parents and parents[-1][0] >= indent:
            parents.pop()
        base = parents[-1][1] if parents else Path()
        paths += [base / name for name in names]
        if names and names[0].endswith("/"):
            parents.append((indent, base / names[0]))
    return paths


def test_everything_on_the_map_exists() -> None:
    assert len(tree()) > 30
    assert [str(path) for path in tree() if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_and_has_help_with_an_example(command: str) -> None:
    assert f"scones {command}" in (ROOT / "README.md").read_text()
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "Example:" in shown.output


def test_every_link_between_the_documents_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_is_started_with_the_two_commands() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])
    assert "make demo" in first_screen
    assert "make test" in first_screen


@pytest.mark.timeout(3600)
def test_the_readmes_commands_run_as_they_stand(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SCONES_"))}
    # The default port may be that of a server which somebody uses.
    plain["LOCALAWS_PORT"] = "0"
    done = subprocess.run(["bash", "-e"], input=block, cwd=tmp_path, env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "localaws is down" in done.stdout


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("*.j2")]), ids=lambda path: path.name
)
def test_the_code_is_written_in_plain_english(path: Path) -> None:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    assert [f"{number}: {found[0]}" for number, line in lines if (found := DIALECT.search(line))] == []
