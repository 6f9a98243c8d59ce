"""The part of JSONPath and the intrinsic functions that ministack evaluates; it turns all others into null silently.

Pure.
"""

from __future__ import annotations

import re

# Filters, slices, unions, recursive descent, functions and variables are missing here, and so are refused.
_STEP = r"""(?:\.\*|\.[^\s.\[\]()?@$*:,'"]+|\[(?:\*|\d+|'[^'\\]*'|"[^"\\]*")\])"""
_PATH = re.compile(rf"(?:\$|\$\$(?=\.)){_STEP}*")
_REFERENCE = re.compile(r"\$(?:\.[^\s.\[\]()?@$*:,'\"]+)*")
_CALL = re.compile(r"States\.(\w+)\(")
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'")

_FUNCTIONS = """
Array ArrayContains ArrayGetItem ArrayLength ArrayPartition ArrayRange ArrayUnique Base64Decode Base64Encode Format
Hash JsonMerge JsonToString MathAdd MathRandom StringSplit StringToJson UUID
"""
INTRINSICS = frozenset(_FUNCTIONS.split())


def path_problem(path: object) -> str | None:
    """Return the problem of a path that is read, or None."""
    if not isinstance(path, str):
        return "must be a path"
    if _PATH.fullmatch(path):
        return None
    return f"has the path {path!r}, of which this engine evaluates no filter, slice, '..', function or variable"


def reference_problem(path: object) -> str | None:
    """Return the problem of a path that is written to (`ResultPath`), or None; null discards the result."""
    if path is None or (isinstance(path, str) and _REFERENCE.fullmatch(path)):
        return None
    return f"has the path {path!r}; this engine writes only to paths like $.a.b"


def payload_problem(value: object) -> str | None:
    """Return the problem of the value of a field whose name ends in `.$` (a path or an intrinsic function), or None."""
    if not isinstance(value, str) or not value.startswith("States."):
        return path_problem(value)
    unknown = [name for name in _CALL.findall(_TEXT.sub("''", value)) if name not in INTRINSICS]
    return f"calls the unknown function States.{unknown[0]}" if unknown else None
