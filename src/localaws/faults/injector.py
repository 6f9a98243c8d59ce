"""The rules in force, and what they have done. One for the whole server; any thread may ask it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from localaws.faults.rules import Call, Rule, RuleError

_MAX_RULES = 10_000
_MAX_INJECTED = 100_000


class Injector:
    """Counts calls while it is armed, and says which fail. `is_armed` is false until a rule or a recording begins."""

    def __init__(self) -> None:
        self.is_armed = False
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._matches: list[int] = []
        self._calls: Counter[Call] = Counter()
        self._injected: list[dict[str, Any]] = []

    def arm(self, rule: Rule | None) -> None:
        """Add a rule, or only begin to count calls if it is None. Raises RuleError if there are too many rules."""
        with self._lock:
            if len(self._rules) >= _MAX_RULES:
                raise RuleError(f"There are {_MAX_RULES} rules already; clear them with DELETE.")
            if rule is not None:
                self._rules.append(rule)
                self._matches.append(0)
            self.is_armed = True

    def clear(self) -> None:
        """Forget all rules, calls and faults."""
        with self._lock:
            self.is_armed = False
            self._rules.clear()
            self._matches.clear()
            self._calls.clear()
            self._injected.clear()

    def report(self) -> dict[str, Any]:
        """Return "calls", by how often each was made, and "injected", in the order of the faults."""
        with self._lock:
            calls = [{**call._asdict(), "count": count} for call, count in sorted(self._calls.items())]
            return {"calls": calls, "injected": list(self._injected)}

    def take(self, call: Call) -> str | None:
        """Count a call, and return the kind of the fault that it meets, or None."""
        if not self.is_armed:
            return None
        with self._lock:
            self._calls[call] += 1
            number = self._calls[call]
            kind = self._kind(call, number)
            if kind and len(self._injected) < _MAX_INJECTED:
                self._injected.append({**call._asdict(), "kind": kind, "call": number})
            return kind

    def _kind(self, call: Call, number: int) -> str | None:
        kind = None
        for position, rule in enumerate(self._rules):
            if rule.matches(call):
                # Every rule counts the call, whichever of them makes it fail.
                self._matches[position] += 1
                if kind is None and rule.fires(call, number, self._matches[position]):
                    kind = rule.kind
        return kind


injector = Injector()
