"""The fields of a TypedDict. Its own `__required_keys__` counts all fields where annotations are strings."""

from __future__ import annotations

from typing import Any, NotRequired, get_origin, get_type_hints


def optional(kind: Any) -> set[str]:
    hints = get_type_hints(kind, include_extras=True)
    return {name for name, hint in hints.items() if get_origin(hint) is NotRequired}


def required(kind: Any) -> set[str]:
    return set(get_type_hints(kind)) - optional(kind)
