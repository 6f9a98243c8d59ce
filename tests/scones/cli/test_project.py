from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scones.cli.project import Project
from scones.errors import CredentialsError, StackError

AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """A project in a folder without settings, on a machine without credentials and without a region."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCONES_PROJECT", "nothing-deployed")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in (*AWS, "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    return Project.load()


def test_a_project_has_the_settings_of_its_folder(project: Project) -> None:
    assert project.settings.project == "nothing-deployed"


def test_missing_credentials_and_a_missing_region_say_what_to_do(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CredentialsError, match="no AWS credentials; run `aws configure`"):
        _ = project.client
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(CredentialsError, match="no AWS region; set AWS_DEFAULT_REGION"):
        _ = project.client


def test_a_client_is_made_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)
    assert project.client("s3") is project.client("s3")


def test_the_outputs_of_a_stack_that_does_not_exist_are_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch, localaws: Any
) -> None:
    for name, value in (AWS | {"AWS_ENDPOINT_URL": localaws.url}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StackError, match=r"nothing-deployed-storage .*scones deploy"):
        _ = project.outputs
    with pytest.raises(StackError, match=r"nothing-deployed-workflow .*scones deploy"):
        _ = project.workflow
