import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

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
