"""Names that are short enough to type: a digest, an arrival or a delivery may be named by its first characters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from scones.errors import UsageError

# Enough to see which one was meant, and a message that stays on a screen.
_MAX_SHOWN: Final = 5


def by_prefix(prefix: str, names: Iterable[str], kind: str) -> str | None:
    """Return the name that equals `prefix`, or else the only one that begins with it; None if no name does.

    Raises UsageError with the candidates if several names begin with it; `kind` says what they name.
    """
    candidates = sorted({name for name in names if name.startswith(prefix)})
    if prefix in candidates:
        return prefix
    if len(candidates) > 1:
        shown = ", ".join(candidates[:_MAX_SHOWN])
        more = f" and {len(candidates) - _MAX_SHOWN} more" if len(candidates) > _MAX_SHOWN else ""
        raise UsageError(f"{prefix} is the beginning of several {kind}: {shown}{more}; type more characters")
    return candidates[0] if candidates else None
