"""The hyperparameters of `train`: names, defaults, ranges, and the parser; SageMaker hands every value as a string."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from scones.errors import HyperparameterError


@dataclass(frozen=True)
class Hyperparameters:
    """`size` is the input's side in pixels, `width` the channels of the first layer, `digest` names the data set.

    `alpha` is the share of wrong ones among accepted that the gate certifies, one number or `<class>:<number>,...`;
    `delta` is the probability that a certificate is wrong.
    """

    epochs: int = 22
    batch_size: int = 64
    learning_rate: float = 0.004
    weight_decay: float = 0.05
    seed: int = 0
    size: int = 32
    width: int = 24
    folds: int = 4
    delta: float = 0.05
    alpha: str = "0.02"
    backbone: str = "default"
    digest: str = ""

    def alphas(self, classes: Sequence[str]) -> list[float]:
        """`alpha` for each class; raises HyperparameterError where one is missing, unknown or out of (0, 0.5]."""
        pairs = [part.rpartition(":") for part in self.alpha.split(",")]
        given = {name.strip(): value for name, _, value in pairs}
        names = set(given)
        if names not in ({""}, set(classes)):
            raise HyperparameterError(f"alpha is {self.alpha[:80]!r}; give one number, or one for each of the classes")
        return [_share(given.get(name, given.get("", ""))) for name in classes]


RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 1000),
    "batch_size": (2, 1024),
    "learning_rate": (1e-6, 1.0),
    "weight_decay": (0.0, 1.0),
    "seed": (0, 2**32 - 1),
    "size": (16, 128),
    "width": (1, 128),
    "folds": (2, 10),
    "delta": (1e-6, 0.5),
}
BACKBONES = ("default", "none")
_DIGEST = re.compile(r"[0-9a-f]{0,64}", re.ASCII)
_SHARE = re.compile(r"0?\.[0-9]{1,9}", re.ASCII)


def parse(values: Mapping[str, object]) -> Hyperparameters:
    """Read the values of hyperparameters.json; raises HyperparameterError with the name and what is allowed."""
    names = [field.name for field in fields(Hyperparameters)]
    for name in values:
        if name not in names:
            raise HyperparameterError(f"{name[:64]!r} is no hyperparameter; the known ones are {', '.join(names)}")
    numbers = {name: _number(name, values[name]) for name in RANGES if name in values}
    texts = {name: _text(name, values[name]) for name in ("alpha", "backbone", "digest") if name in values}
    if not _DIGEST.fullmatch(texts.get("digest", "")):
        raise HyperparameterError(f"digest is {texts['digest'][:80]!r}; it must be a SHA-256 digest in hexadecimal")
    if texts.get("backbone", "none") not in BACKBONES:
        raise HyperparameterError(f"backbone is {texts['backbone'][:80]!r}; it must be {' or '.join(BACKBONES)}")
    for _, _, value in (part.rpartition(":") for part in texts.get("alpha", "0.1").split(",")):
        _share(value)
    return Hyperparameters(**numbers, **texts)  # type: ignore[arg-type]


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise HyperparameterError(f"{name} is {str(value)[:80]!r}; it must be a string")
    return value


def _share(value: str) -> float:
    text = value.strip()
    if not _SHARE.fullmatch(text) or not 0 < float(text) <= 0.5:
        raise HyperparameterError(f"alpha has {value[:80]!r}; it must be a share above 0 and up to 0.5, such as 0.02")
    return float(text)


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
