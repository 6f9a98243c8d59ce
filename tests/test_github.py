"""What a public repository has besides its code; GitHub itself is not asked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def loaded(path: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((ROOT / path).read_text())
    return content


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_ci_runs_the_two_commands_on_each_supported_python() -> None:
    job = loaded(".github/workflows/ci.yml")["jobs"]["test"]
    assert commands(job) == [".ci/run"]
    versions = job["strategy"]["matrix"]["python-version"]
    assert versions == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert [f"Programming Language :: Python :: {version}" for version in versions] == [
        classifier for classifier in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", classifier)
    ]


def test_a_release_is_tested_and_published_without_a_token() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text()
    jobs = loaded(".github/workflows/release.yml")["jobs"]
    assert commands(jobs["build"]) == [".ci/run", "make dist"]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in text


@pytest.mark.parametrize("workflow", ["ci", "release"])
def test_workflows_may_only_read_the_repository_and_end_in_time(workflow: str) -> None:
    content = loaded(f".github/workflows/{workflow}.yml")
    assert content["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 60 for job in content["jobs"].values())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_issue_form_has_what_github_asks_of_one(form: Path) -> None:
    content = loaded(str(form.relative_to(ROOT)))
    assert {"name", "description", "body"} <= set(content)
    ids = [field["id"] for field in content["body"] if field["type"] != "markdown"]
    assert len(set(ids)) == len(ids) > 0


def test_the_citation_names_this_version() -> None:
    citation = loaded("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
