"""Container images on a machine without containers: a name, and the command that runs a program of that image.

`COMMAND PROGRAM ARGS...` stands for `docker run IMAGE PROGRAM ARGS...`. Does not import what it names.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint

from localaws.errors import ImageError

__all__ = ["GROUP", "ImageError", "Images", "find_images"]

GROUP = "localaws.images"


class Images:
    """The images that jobs and endpoints may name."""

    def __init__(self, commands: Mapping[str, Sequence[str]]) -> None:
        self._commands = {name: tuple(command) for name, command in commands.items()}

    def resolve(self, image_uri: str) -> tuple[str, tuple[str, ...]]:
        """Name and command of `[registry/]path/name[:tag|@digest]`. Raises ImageError for an unknown name."""
        name = image_uri.split("@")[0].rsplit("/", 1)[-1].split(":")[0]
        if name not in self._commands:
            known = ", ".join(sorted(self._commands)) or "none"
            raise ImageError(
                f"There is no image {name!r} on this machine. Known images: {known}. Add one with --image."
            )
        return name, self._commands[name]


def find_images(entry_points: Iterable[EntryPoint], options: Iterable[str]) -> Images:
    """Images from entry points (`NAME = MODULE`) and from `NAME=COMMAND` options, which win. Raises ImageError."""
    commands: dict[str, Sequence[str]] = {
        point.name: (sys.executable, "-m", point.value) for point in entry_points if point.group == GROUP
    }
    for option in options:
        name, _, command = option.partition("=")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ImageError(f"--image {option!r} cannot be read: {error}. Give NAME=COMMAND.") from error
        if not name or not words:
            raise ImageError(f"--image {option!r} names no command. Give NAME=COMMAND.")
        commands[name] = words
    return Images(commands)
