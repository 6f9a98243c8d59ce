import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from scones.errors import DispatchRulesError
from scones.settings import Settings

FILE = Path(__file__).parents[2] / "scones.toml"


def test_the_file_shows_the_defaults_as_they_are_but_for_alpha() -> None:
    shown, defaults = tomllib.loads(FILE.read_text()), Settings.model_construct().model_dump(exclude_none=True)
    assert shown | {"hyperparameters": {}} == defaults
    assert shown["hyperparameters"].keys() == {"alpha"}


def test_more_instances_at_least_than_at_most_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"realtime_max_instances\n.*below realtime_min_instances"):
        Settings(realtime_min_instances=5)


@pytest.mark.parametrize("name", ["Scones", "a", "has_underscore", "x" * 40])
def test_a_project_name_that_aws_would_refuse_is_refused_here(name: str) -> None:
    with pytest.raises(ValidationError, match="project"):
        Settings(project=name)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"headway_minutes": 0}, "headway_minutes"),
        ({"headway_minutes": "soon"}, "dispatch.headway_minutes"),
        ({"colour": 1}, "dispatch.colour"),
        ({"vehicles": {"tram": {"speed_kmh": 0, "range_km": 4, "bay": "x"}}}, "speed_kmh"),
    ],
)
def test_a_wrong_dispatch_rule_is_named(wrong: dict[str, object], named: str) -> None:
    with pytest.raises((ValidationError, DispatchRulesError), match=named):
        Settings(dispatch=wrong)  # type: ignore[arg-type]
