from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from scones.errors import DispatchRulesError, UsageError
from scones.settings import Settings, has_settings, load_settings, settings_origin

FILE = Path(__file__).parents[2] / "scones.toml"


def test_the_file_shows_the_defaults_except_for_alpha() -> None:
    shown = tomllib.loads(FILE.read_text())
    defaults = Settings.model_construct().model_dump(exclude_none=True)
    assert shown | {"hyperparameters": {}} == defaults
    assert shown["hyperparameters"].keys() == {"alpha"}


def test_an_environment_variable_overrides_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "scones.toml").write_text('project = "depot"\nseed = 7\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCONES_SEED", "8")
    settings = load_settings()
    assert (settings.project, settings.seed) == ("depot", 8)
    assert (settings.storage_stack, settings.workflow_stack) == ("depot-storage", "depot-workflow")
    assert settings.tags == [{"Key": "scones:project", "Value": "depot"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'project = "depot"\nseed = -1\n', r"setting seed: .*; look at /.*scones\.toml"),
        (b"[depot]\nlatitude = 91\n", r"setting depot\.latitude: "),
        (b"project = depot\n", r"scones\.toml is not TOML"),
        (b'project = "\xff"\n', r"scones\.toml is not TOML"),
    ],
)
def test_an_invalid_file_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: bytes, message: str
) -> None:
    (tmp_path / "scones.toml").write_bytes(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message):
        load_settings()


def test_a_minimum_of_instances_above_the_maximum_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"realtime_max_instances\n.*below realtime_min_instances"):
        Settings(realtime_min_instances=5)


@pytest.mark.parametrize("name", ["Scones", "a", "has_underscore", "x" * 40])
def test_a_project_name_that_aws_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="project"):
        Settings(project=name)


def test_a_project_name_with_two_hyphens_in_a_row_is_refused_with_the_reason() -> None:
    with pytest.raises(ValidationError, match="two hyphens in a row, which ECR refuses"):
        Settings(project="a--b")


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        ({"headway_minutes": 0}, "headway_minutes"),
        ({"headway_minutes": "soon"}, "dispatch.headway_minutes"),
        ({"colour": 1}, "dispatch.colour"),
        ({"vehicles": {"tram": {"speed_kmh": 0, "range_km": 4, "bay": "x"}}}, "speed_kmh"),
    ],
)
def test_an_invalid_dispatch_rule_is_named(rules: Any, name: str) -> None:
    with pytest.raises((ValidationError, DispatchRulesError), match=name):
        Settings(dispatch=rules)


def test_the_origin_of_the_settings_is_a_file_variables_or_the_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    # Not a setting, but where the images are.
    monkeypatch.setenv("SCONES_DATA", "photos")
    assert (has_settings(), settings_origin()) == (False, "defaults, no scones.toml here")
    monkeypatch.setenv("SCONES_SEED", "8")
    assert (has_settings(), settings_origin()) == (True, "defaults, no scones.toml here, SCONES_SEED")
    (tmp_path / "scones.toml").touch()
    assert settings_origin() == f"{tmp_path / 'scones.toml'}, SCONES_SEED"


def test_the_file_that_shows_the_defaults_deploys_what_the_defaults_deploy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILE.parent)
    assert load_settings().dispatch.to_json() == Settings.model_construct().dispatch.to_json()
