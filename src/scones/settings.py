"""Project settings: environment variables `SCONES_<NAME>` override `scones.toml`, which overrides the defaults."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from scones.contract.hyperparameters import parse
from scones.contract.layout import TAG
from scones.dispatch_rule import Rules
from scones.errors import UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FILE = "scones.toml"


_MAX_SHOWN_CHARS = 80
_PREFIX = "SCONES_"
# Of two names, so that one or two wrong letters are a spelling mistake.
_SIMILARITY = 0.8
# Variables with this prefix that are not settings.
_OTHER_VARIABLES = ("DATA", "NEGATIVES", "ML_ROOT", "SERVE_HOST")
# The beginning of the type of pydantic's error, and what it expected. Source: pydantic's "Validation Errors".
_EXPECTED = (
    ("greater_than_equal", "at least {ge:g}"),
    ("less_than_equal", "at most {le:g}"),
    ("less_than", "less than {lt:g}"),
    ("multiple_of", "a multiple of {multiple_of:g}"),
    ("literal_error", "{expected}"),
    ("string_too_long", "at most {max_length} characters long"),
    ("string", 'text in quotes, such as "3"'),
    ("int", "a whole number"),
    ("float", "a number"),
    ("dict", "a table"),
    ("model", "a table"),
    ("dataclass", "a table"),
)
# The form of a setting that has a pattern, by the end of its name.
_FORMS = {
    "project": "3 to 26 lower case letters, digits and single hyphens, the first a letter",
    "_email": "an email address, or empty",
    "_instance_type": "an instance type of SageMaker, such as ml.m5.large",
}
# SageMaker's instance types. Those of a newer family have the same form.
_InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.([0-9]*x?large|medium|metal)$")]


class DepotSettings(BaseModel):
    """The depot's place in degrees (WGS 84), and `detour`: the length of its roads over that of a straight line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    detour: float = Field(default=1.3, ge=1, le=5)


class Settings(BaseSettings):
    """The content of `scones.toml`, which documents the units and meanings."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, toml_file=FILE, extra="forbid")

    # A part of bucket and role names: lower case for S3, and short enough for what the templates append.
    project: str = Field(default="scones", pattern=r"^[a-z][a-z0-9-]{1,24}[a-z0-9]$")
    image_tag: str = "latest"
    train_instance_type: _InstanceType = "ml.m5.xlarge"
    evaluate_instance_type: _InstanceType = "ml.m5.large"
    classify_instance_type: _InstanceType = "ml.m5.large"
    endpoint_mode: Literal["serverless", "realtime"] = "serverless"
    serverless_memory_mb: int = Field(default=2048, ge=1024, le=6144, multiple_of=1024)
    serverless_max_concurrency: int = Field(default=5, ge=1, le=200)
    realtime_instance_type: _InstanceType = "ml.c7i.large"
    realtime_min_instances: int = Field(default=1, ge=1)
    realtime_max_instances: int = Field(default=4, ge=1, validate_default=True)
    threshold: float | None = Field(default=None, ge=0, le=1)
    review_minutes: int = Field(default=15, ge=1, le=120)
    # Not a full check of an address: SNS sends a confirmation to it, and nothing else until that is answered.
    alert_email: str = Field(default="", max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")
    review_email: str = Field(default="", max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")
    minimum_accuracy: float = Field(default=0.75, ge=0, le=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    hyperparameters: dict[str, str] = {}
    depot: DepotSettings = DepotSettings()
    dispatch: Rules = Rules()

    @field_validator("project")
    @classmethod
    def _has_single_hyphens(cls, project: str) -> str:
        # The image repository has the project's name, and ECR refuses two separators in a row.
        if "--" in project:
            raise ValueError("it has two hyphens in a row, which ECR refuses; use one")
        return project

    @field_validator("realtime_max_instances")
    @classmethod
    def _is_not_below_the_minimum(cls, maximum: int, info: ValidationInfo) -> int:
        # The minimum is missing here if it is invalid itself, which pydantic reports beside this.
        if maximum < info.data.get("realtime_min_instances", 1):
            raise ValueError("it is below realtime_min_instances")
        return maximum

    @field_validator("hyperparameters")
    @classmethod
    def _are_hyperparameters(cls, values: dict[str, str]) -> dict[str, str]:
        # The training job checks them as well, but only once it is paid for.
        parse(values)
        return values

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources of the settings, the strongest first (a hook of pydantic-settings)."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def storage_stack(self) -> str:
        """The name of the stack that keeps data: bucket, tables, image repository and model registry."""
        return f"{self.project}-storage"

    @property
    def workflow_stack(self) -> str:
        """The name of the stack that does the work: the functions, the state machines and their roles."""
        return f"{self.project}-workflow"

    @property
    def tags(self) -> list[dict[str, str]]:
        """The tags of everything that belongs to the project, as most AWS services take them."""
        return [{"Key": TAG, "Value": self.project}]


def set_variables() -> list[str]:
    """Return the names of the environment variables that set a setting."""
    names = {_PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.upper() in names)


def has_settings() -> bool:
    """Return whether the current folder or the environment sets anything; otherwise all settings are the defaults."""
    return Path(FILE).exists() or bool(set_variables())


def settings_origin() -> str:
    """Return where the settings of the current folder come from, for a person."""
    file = Path(FILE).resolve()
    origin = str(file) if file.exists() else f"defaults, no {FILE} here"
    return ", ".join([origin, *set_variables()])


def load_settings() -> Settings:
    """Return the settings of the current folder. Raises UsageError that names the first invalid setting."""
    _require_known_variables()
    try:
        return Settings()
    except ValidationError as error:
        raise UsageError(f"{_described(error.errors()[0])}; look at {_where()}") from error
    # A ValidationError is a ValueError, too, and so are a file that is not TOML or not UTF-8, and a variable's JSON.
    except ValueError as error:
        if isinstance(error, SettingsError):
            raise UsageError(f"{error}; a variable for a table holds JSON; look at {_where()}") from error
        raise UsageError(f"{FILE} is not TOML: {error}") from error


def _where() -> str:
    return ", ".join([str(Path(FILE).resolve()), *set_variables()])


def _require_known_variables() -> None:
    """Raise UsageError if a variable looks like a setting's with a spelling mistake."""
    known = [name.upper() for name in Settings.model_fields]
    for variable in os.environ:
        name = variable.removeprefix(_PREFIX)
        if variable != name and name not in {*known, *_OTHER_VARIABLES}:
            # Others than these may be somebody else's.
            for close in get_close_matches(name, known, 1, _SIMILARITY):
                raise UsageError(f"the variable {variable} is not a setting; did you mean {_PREFIX}{close}?")


def _described(error: ErrorDetails) -> str:
    """Return what is wrong with one setting, from pydantic's description of it."""
    name = ".".join(str(part) for part in error["loc"])
    kind = error["type"]
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        meant = "".join(f"; did you mean {close}?" for close in get_close_matches(name, _names(), 1))
        return f"setting {name} does not exist{meant}"
    if kind == "missing":
        return f"setting {name} is missing"
    if kind == "value_error":
        # Raised by the validators above.
        return f"setting {name}: {error['ctx']['error']}"
    limits = error.get("ctx", {})
    forms = [form for end, form in _FORMS.items() if kind == "string_pattern_mismatch" and name.endswith(end)]
    others = [text for start, text in _EXPECTED if kind.startswith(start)][:1]
    expected = [*forms, *(text.format(**limits) for text in others), error["msg"]][0]
    shown = json.dumps(error["input"], default=str)
    return f"setting {name} is {shown[:_MAX_SHOWN_CHARS]}; it must be {expected}"


def _names() -> list[str]:
    """Return the names of all settings, those in tables with the table's name before them."""
    depot = [f"depot.{name}" for name in DepotSettings.model_fields]
    dispatch = [f"dispatch.{field.name}" for field in fields(Rules)]
    return [*Settings.model_fields, *depot, *dispatch]
