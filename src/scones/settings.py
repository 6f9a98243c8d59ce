"""Project settings: environment variables `SCONES_<NAME>` override `scones.toml`, which overrides the defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from scones.contract.layout import TAG
from scones.dispatch_rule import Rules
from scones.errors import UsageError

FILE = "scones.toml"


class DepotSettings(BaseModel):
    """The depot's place in degrees (WGS 84), and `detour`: the length of its roads over that of a straight line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    detour: float = Field(default=1.3, ge=1, le=5)


class Settings(BaseSettings):
    """The content of `scones.toml`, which documents the units and meanings."""

    model_config = SettingsConfigDict(env_prefix="SCONES_", toml_file=FILE, extra="forbid")

    # A part of bucket and role names: lower case for S3, and short enough for what the templates append.
    project: str = Field(default="scones", pattern=r"^[a-z][a-z0-9-]{1,24}[a-z0-9]$")
    image_tag: str = "latest"
    train_instance_type: str = "ml.m5.xlarge"
    evaluate_instance_type: str = "ml.m5.large"
    classify_instance_type: str = "ml.m5.large"
    endpoint_mode: Literal["serverless", "realtime"] = "serverless"
    serverless_memory_mb: int = Field(default=2048, ge=1024, le=6144, multiple_of=1024)
    serverless_max_concurrency: int = Field(default=5, ge=1, le=200)
    realtime_instance_type: str = "ml.c7i.large"
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
    names = {f"SCONES_{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.upper() in names)


def has_settings() -> bool:
    """Return whether the current folder or the environment sets anything, or all settings are the defaults."""
    return Path(FILE).exists() or bool(set_variables())


def settings_origin() -> str:
    """Return where the settings of the current folder come from, for a person."""
    file = Path(FILE).resolve()
    origin = str(file) if file.exists() else f"defaults, no {FILE} here"
    return ", ".join([origin, *set_variables()])


def load_settings() -> Settings:
    """Return the settings of the current folder. Raises UsageError that names the first invalid setting."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"setting {name}: {first['msg']}; look at {Path(FILE).resolve()}") from error
    # A ValidationError is a ValueError, too, and so is a file that is not TOML or not UTF-8.
    except ValueError as error:
        raise UsageError(f"{FILE} is not TOML: {error}") from error
