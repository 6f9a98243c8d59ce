"""The hyperparameters of `train`: names, defaults, ranges, and their parser. SageMaker passes all values as strings.

Checked by the operator's commands before a job is paid for, and by the job.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches


@dataclass(frozen=True)
class Hyperparameters:
    """The parsed hyperparameters.

    `size` is the input's side in pixels, `width` the number of channels of the first layer, and `digest` names the data
    set. `alpha` is the error rate that is certified for accepted predictions: one number for all classes, or
    `<class>:<number>,...`. `delta` is the probability that any certificate is wrong.
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
        """Return `alpha` for each class.

        Raises ValueError if a class is missing or unknown, or a value is not in (0, 0.5].
        """
        # A number for all classes has no name before it, and is found under the empty one.
        pairs = [part.rpartition(":") for part in self.alpha.split(",")]
        alphas = {name.strip(): value for name, _, value in pairs}
        if set(alphas) not in ({""}, set(classes)):
            raise ValueError(f"alpha is {self.alpha[:80]!r}; give one number, or one for each of the classes")
        return [_parse_share(alphas.get(name, alphas.get("", ""))) for name in classes]


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
    """Parse the values of hyperparameters.json; missing ones have their defaults.

    Raises ValueError with the name and the allowed values if one is unknown, of a wrong type or out of range.
    """
    names = [field.name for field in fields(Hyperparameters)]
    for name in values:
        if name not in names:
            meant = [f"did you mean {close}?" for close in get_close_matches(name, names, 1)]
            hint = " ".join([*meant, f"The known ones are {', '.join(names)}"])
            raise ValueError(f"{name[:64]!r} is not a hyperparameter; {hint}")
    numbers = {name: _parse_number(name, values[name]) for name in RANGES if name in values}
    strings = {name: _parse_string(name, values[name]) for name in ("alpha", "backbone", "digest") if name in values}
    parameters = Hyperparameters(**numbers, **strings)  # type: ignore[arg-type]
    if not _DIGEST.fullmatch(parameters.digest):
        raise ValueError(f"digest is {parameters.digest[:80]!r}; it must be a SHA-256 digest in hexadecimal")
    if parameters.backbone not in BACKBONES:
        raise ValueError(f"backbone is {parameters.backbone[:80]!r}; it must be {' or '.join(BACKBONES)}")
    # The names in `alpha` are checked by `alphas`, once the classes are known.
    for part in parameters.alpha.split(","):
        _parse_share(part.rpartition(":")[2])
    return parameters


def _parse_string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is {str(value)[:80]!r}; it must be a string")
    return value


def _parse_share(value: str) -> float:
    text = value.strip()
    if not _SHARE.fullmatch(text) or not 0 < float(text) <= 0.5:
        raise ValueError(f"alpha has {value[:80]!r}; it must be a share above 0 and up to 0.5, such as 0.02")
    return float(text)


def _parse_number(name: str, value: object) -> float:
    # The default's type: int for whole numbers, else float.
    number_type: type[float] = type(getattr(Hyperparameters, name))
    low, high = RANGES[name]
    try:
        number = number_type(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    if number is None or not low <= number <= high:
        expected = "a whole number" if number_type is int else "a number"
        raise ValueError(f"{name} is {str(value)[:80]!r}; it must be {expected} from {low:g} to {high:g} as a string")
    return number
