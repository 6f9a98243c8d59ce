"""The hyperparameters of `train`: names, defaults, ranges, and the parser; SageMaker hands every value as a string."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from scones.errors import HyperparameterError


@dataclass(frozen=True)
class Hyperparameters:
    """`size` is the input's side in pixels, `width` the channels of the first layer, `manifest` the data's digest."""

    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 0.003
    weight_decay: float = 0.05
    seed: int = 0
    size: int = 32
    width: int = 16
    manifest: str = ""


RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 1000),
    "batch_size": (2, 1024),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 1.0),
    "seed": (0, 2**32 - 1),
    "size": (16, 128),
    "width": (1, 128),
}
_DIGEST = re.compile(r"[0-9a-f]{0,64}", re.ASCII)


def parse(values: Mapping[str, object]) -> Hyperparameters:
    """Read the values of hyperparameters.json; raises HyperparameterError with the name and what is allowed."""
    names = [field.name for field in fields(Hyperparameters)]
    for name in values:
        if name not in names:
            raise HyperparameterError(f"{name[:64]!r} is no hyperparameter; the known ones are {', '.join(names)}")
    numbers = {name: _number(name, values[name]) for name in RANGES if name in values}
    manifest = values.get("manifest", "")
    if not isinstance(manifest, str) or not _DIGEST.fullmatch(manifest):
        raise HyperparameterError(f"manifest is {str(manifest)[:80]!r}; it must be a SHA-256 digest in hexadecimal")
    return Hyperparameters(**numbers, manifest=manifest)  # type: ignore[arg-type]


def _number(name: str, value: object) -> float:
    kind: type[float] = type(getattr(Hyperparameters, name))
    low, high = RANGES[name]
    try:
        number = kind(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        what = "a whole number" if kind is int else "a number"
        raise HyperparameterError(
            f"{name} is {str(value)[:80]!r}; it must be {what} from {low:g} to {high:g} as a string"
        )
    return number
