"""Clients that die on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Killed(BaseException):
    """The Lambda's process is gone: nothing after this line runs, as with a SIGKILL."""


class Mortal:
    """Clients that pass every call on until one of them kills: before it is made, or after it and before its answer."""

    def __init__(self, dies_at: int, after: bool) -> None:
        self.calls, self.dies_at, self.after = 0, dies_at, after

    def wrap(self, client: Any) -> Any:
        mortal = self

        class Wrapped:
            def __getattr__(self, name: str) -> Callable[..., Any]:
                def call(*given: str, **request: Any) -> Any:
                    mortal.calls += 1
                    dying = mortal.calls == mortal.dies_at
                    if dying and not mortal.after:
                        raise Killed
                    answer = getattr(client, name)(*given, **request)
                    if dying:
                        raise Killed
                    return answer

                return call

        return Wrapped()
