"""A profile in the AWS configuration files of the user, so that AWS clients reach the server by its name.

Runs in the process of the command line. Only a profile that localaws wrote is ever changed; everything else in the
files stays as it is, byte for byte.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from configparser import Error, RawConfigParser
from pathlib import Path
from typing import NamedTuple

from localaws.errors import ServerError

_MARKER = "# Written by localaws, which overwrites it."
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HEADER = re.compile(r"\[.+\]")


class _Section(NamedTuple):
    """One section to write: the file, the section's header without brackets, and its values."""

    path: Path
    header: str
    values: Mapping[str, str]


def write_profile(name: str, settings: Mapping[str, str], environ: Mapping[str, str]) -> list[Path]:
    """Write a profile with these settings and return the two files that hold it.

    `settings` has the keys of AWS's configuration files; those with "aws_access_key_id" and "aws_secret_access_key" go
    into the file of credentials. `environ` may name both files. Source: AWS CLI User Guide, "Configuration and
    credential file settings". Raises ServerError, before anything is written, if the name is not possible, if the
    profile exists but was not written by localaws, or if a file cannot be read or written.
    """
    if not _NAME.fullmatch(name) or name == "default":
        # Every AWS command of this user would silently go to the laptop.
        raise ServerError(
            f"{name!r} cannot be the profile's name; give one of letters, digits, _ . and -, but not `default`."
        )
    secret = {key: value for key, value in settings.items() if key.startswith("aws_")}
    public = {key: value for key, value in settings.items() if key not in secret}
    sections = [
        _Section(_file(environ, "AWS_CONFIG_FILE", "config"), f"profile {name}", public),
        _Section(_file(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), name, secret),
    ]
    drafts = [(section.path, _with_section(_read(section.path), section)) for section in sections]
    for path, text in drafts:
        _replace(path, text)
    return [path for path, _ in drafts]


def _file(environ: Mapping[str, str], variable: str, name: str) -> Path:
    # Followed, because a link into a folder of dotfiles must stay a link.
    return Path(environ.get(variable) or f"~/.aws/{name}").expanduser().resolve()


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(f"{path} cannot be read: {error}") from error


def _with_section(text: str, section: _Section) -> str:
    """Return a file's text with the section in it, in place of the one that localaws wrote before."""
    try:
        # As botocore reads these files; it refuses a section that is there twice.
        parser = RawConfigParser(default_section="")
        parser.read_string(text)
    except Error as error:
        message = " ".join(str(error).split())
        raise ServerError(f"{section.path} is not a valid configuration file: {message}; mend it first.") from error
    # Not `splitlines`, which also splits at characters that a value may have.
    lines = list(io.StringIO(text))
    block = [f"[{section.header}]\n", f"{_MARKER}\n", *(f"{key} = {value}\n" for key, value in section.values.items())]
    if section.header.split() not in [_words(existing) for existing in parser.sections()]:
        if lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        return "".join([*lines, "\n" if lines else "", *block])
    begin, end = _own_block(lines, section)
    return "".join([*lines[:begin], *block, *lines[end:]])


def _words(header: str) -> list[str]:
    # botocore reads `[profile "x"]` as `[profile x]`.
    try:
        return shlex.split(header)
    except ValueError:
        return []


def _own_block(lines: list[str], section: _Section) -> tuple[int, int]:
    """Return the first line of our section and the line after its last; raise ServerError if it is not ours alone."""
    stripped = [line.strip() for line in lines]
    header = f"[{section.header}]"
    begin = stripped.index(header) if header in stripped else -1
    end = begin + 2
    while end < len(lines) and _is_ours(stripped[end], section):
        end += 1
    rest = end
    while rest < len(lines) and not _HEADER.match(stripped[rest]):
        rest += 1
    foreign = [line for line in stripped[end:rest] if line and not line.startswith(("#", ";"))]
    if begin < 0 or stripped[begin + 1 : begin + 2] != [_MARKER] or foreign:
        raise ServerError(
            f"the section [{section.header}] of {section.path} was not written by localaws; choose another name for "
            "the profile, or delete that section."
        )
    return begin, end


def _is_ours(line: str, section: _Section) -> bool:
    key, separator, _ = line.partition(" = ")
    return bool(separator) and key in section.values


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Readable by the user alone, as AWS's own tools make it. Renamed, so that no client reads half a file.
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "w", newline="") as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, draft)
        Path(draft).replace(path)
    except OSError as error:
        raise ServerError(f"{path} cannot be written: {error.strerror}") from error
