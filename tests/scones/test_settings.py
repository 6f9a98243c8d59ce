from __future__ import annotations

import contextlib
import json
import string
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
        (b'project = "depot"\nseed = -1\n', r"^setting seed is -1; it must be at least 0; look at /.*scones\.toml$"),
        (b"[depot]\nlatitude = 91\n", r"^setting depot\.latitude is 91; it must be at most 90; "),
        (b'projct = "depot"\n', r"^setting projct does not exist; did you mean project\?"),
        (b"[dispatch]\nlate_weigth = 2\n", r"^setting dispatch.late_weigth .* mean dispatch.late_weight\?"),
        (b"nothing_like_it = 2\n", r"^setting nothing_like_it does not exist; look at "),
        (b'seed = "x"\n', r"it must be a whole number; "),
        (b'endpoint_mode = "x"\n', r"it must be 'serverless' or 'realtime'; "),
        (b"serverless_memory_mb = 1500\n", r"it must be a multiple of 1024; "),
        (b"depot = 3\n", r"it must be a table; "),
        (b'train_instance_type = "m5.xlarge"\n', r"it must be an instance type of SageMaker, such as ml.m5.large; "),
        (b'realtime_instance_type = "ml.c7i"\n', r"it must be an instance type of SageMaker, such as ml.m5.large; "),
        (b'alert_email = "me"\n', r"it must be an email address, or empty; "),
        (b"[hyperparameters]\nepochs = 3\n", r'hyperparameters.epochs is 3; it must be text in quotes, such as "3"; '),
        (b'[hyperparameters]\nepoch = "3"\n', r"'epoch' is not a hyperparameter; did you mean epochs\?"),
        (b'[hyperparameters]\nepochs = "0"\n', r"epochs is '0'; it must be a whole number from 1 to 1000"),
        (b'[dispatch.vehicles.bicycle]\nspeed_kmh = 9\nbay = "a"\n', r"bicycle.range_km is missing; "),
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


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("SCONES_PROJCT", r"^the variable SCONES_PROJCT is not a setting; did you mean SCONES_PROJECT\?$"),
        ("SCONES_SEED", r"^setting seed is \"x\"; .*, SCONES_SEED$"),
        ("SCONES_DEPOT", r"\"depot\".*; a variable for a table holds JSON; look at .*, SCONES_DEPOT$"),
    ],
)
def test_an_invalid_variable_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "x")
    with pytest.raises(UsageError, match=message):
        load_settings()


@pytest.mark.parametrize("variable", ["SCONES_DATA", "SCONES_ENVIRONMENT"])
def test_variables_that_are_nothing_like_a_setting_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, "x")
    assert load_settings().project == "scones"


KINDS = ["m5.large", "m5.xlarge", "m7i.48xlarge", "p5.4xlarge", "g5.2xlarge", "t2.medium", "m6gd.large", "c7i.large"]


@pytest.mark.parametrize("kind", KINDS)
def test_instance_types_of_sagemaker_are_taken(kind: str) -> None:
    assert Settings(train_instance_type=f"ml.{kind}").train_instance_type == f"ml.{kind}"


VALUES = (
    st.text(string.printable) | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.lists(st.integers())
)


@given(name=st.sampled_from(list(Settings.model_fields)) | st.text(string.ascii_lowercase, min_size=1), value=VALUES)
@settings(max_examples=200)
def test_any_value_is_taken_or_a_usage_error_in_our_own_words(name: str, value: object) -> None:
    message = ""
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("scones.toml").write_text(f"{name} = {json.dumps(value)}\n")
        try:
            load_settings()
        except UsageError as error:
            message = str(error)
    assert "Input should" not in message
