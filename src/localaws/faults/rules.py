"""Which call fails, and how: rules from JSON, and their decisions. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

SIDES = ("command", "lambda", "job", "state-machine")
KINDS = ("throttling", "internal-error", "access-denied", "reset", "lost-answer", "hang")
_MEMBERS = {"side", "service", "operation", "kind", "skip", "count", "seed", "probability"}
_MAX_NAME_CHARS = 100
_MAX_COUNT = 1_000_000


class RuleError(Exception):
    """Raised if a request does not describe a rule; the message says why."""


class Call(NamedTuple):
    """A call of an operation: the side that makes it, boto3's name of the service, and the operation."""

    side: str
    service: str
    operation: str


@dataclass(frozen=True)
class Rule:
    """Calls that fail with `kind`: those numbered skip + 1 to skip + count, or with `seed` a share of `probability`.

    A side, service or operation of None means any.
    """

    kind: str
    side: str | None = None
    service: str | None = None
    operation: str | None = None
    skip: int = 0
    count: int = 1
    seed: int | str | None = None
    probability: float = 0.0

    def matches(self, call: Call) -> bool:
        """Return whether the rule is about calls like this one."""
        wanted = (self.side, self.service, self.operation)
        return all(want in (None, have) for want, have in zip(wanted, call, strict=True))

    def fires(self, call: Call, number: int, match: int) -> bool:
        """Return whether a matching call fails.

        `number` counts the calls of the same side, service and operation, and `match` those that the rule matches;
        both begin at 1. With a seed only `number` matters: threads may interleave calls of other operations differently
        in each run, and the same calls must still fail.
        """
        if self.seed is None:
            return self.skip < match <= self.skip + self.count
        return share(self.seed, call, number) < self.probability


def share(seed: int | str, call: Call, number: int) -> float:
    """Return a number in [0, 1) that only depends on the arguments, and is uniform over them."""
    text = json.dumps([seed, *call, number])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56


def parse(body: bytes) -> Rule | None:
    """Return the rule in a JSON object, or None for `{"record": true}`, which only counts calls. Raises RuleError."""
    members = _parse_object(body)
    if members == {"record": True}:
        return None
    unknown = sorted(set(members) - _MEMBERS)
    if unknown:
        raise RuleError(f"Unknown members: {', '.join(unknown)}; known are {', '.join(sorted(_MEMBERS))}.")
    _require_one_of(members, "kind", KINDS)
    if "side" in members:
        _require_one_of(members, "side", SIDES)
    for name in ("service", "operation"):
        if name in members:
            _require_name(members, name)
    _check_choice(members)
    return Rule(**members)


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RuleError(f"The body is not JSON: {error}.") from error
    if not isinstance(members, dict):
        raise RuleError("The body is not a JSON object.")
    return members


def _require_one_of(members: dict[str, Any], name: str, values: tuple[str, ...]) -> None:
    if members.get(name) not in values:
        raise RuleError(f"{name!r} must be one of {', '.join(values)}.")


def _require_name(members: dict[str, Any], name: str) -> None:
    value = members[name]
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME_CHARS:
        raise RuleError(f"{name!r} must be a string of 1 to {_MAX_NAME_CHARS} characters.")


def _check_choice(members: dict[str, Any]) -> None:
    """Check what chooses the calls: `skip` and `count`, or `seed` and `probability`."""
    is_random = "seed" in members or "probability" in members
    if is_random and ("skip" in members or "count" in members):
        raise RuleError("Give 'skip' and 'count', or 'seed' and 'probability'.")
    if is_random:
        _check_seed(members)
        return
    for name, least in (("skip", 0), ("count", 1)):
        value = members.get(name, least)
        # A bool is an int in Python, but not in JSON.
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MAX_COUNT:
            raise RuleError(f"{name!r} must be a whole number from {least} to {_MAX_COUNT}.")


def _check_seed(members: dict[str, Any]) -> None:
    seed = members.get("seed")
    if isinstance(seed, bool) or not isinstance(seed, int | str) or len(str(seed)) > _MAX_NAME_CHARS:
        raise RuleError(f"'seed' must be a whole number or a string of up to {_MAX_NAME_CHARS} characters.")
    probability = members.get("probability", 0)
    is_number = isinstance(probability, int | float) and not isinstance(probability, bool)
    if not is_number or not 0 < probability <= 1:
        raise RuleError("'probability' must be a number over 0 and up to 1.")
