"""Container images on a machine without containers: each image is a name and a command.

`COMMAND PROGRAM ARGS...` takes the place of `docker run IMAGE PROGRAM ARGS...`. The commands are not imported here.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint

from localaws.errors import ContainerImageError

__all__ = ["GROUP", "ContainerImageError", "ImageRegistry", "find_images"]

# The group of entry points with which an installed package offers images.
GROUP = "localaws.images"


class ImageRegistry:
    """The images that jobs and endpoints can use; `commands` maps each name to the words of its command."""

    def __init__(self, commands: Mapping[str, Sequence[str]]) -> None:
        self._commands = {name: tuple(command) for name, command in commands.items()}

    def resolve(self, image_uri: str) -> tuple[str, tuple[str, ...]]:
        """Return the name and the command of `[registry/]path/name[:tag|@digest]`.

        Raises ContainerImageError if the name is unknown.
        """
        name = image_uri.split("@")[0].rsplit("/", 1)[-1].split(":")[0]
        if name not in self._commands:
            known = ", ".join(sorted(self._commands)) or "none"
            raise ContainerImageError(
                f"The image {name!r} is unknown on this machine. Known images: {known}. Add one with --image."
            )
        return name, self._commands[name]


def find_images(entry_points: Iterable[EntryPoint], options: Iterable[str]) -> ImageRegistry:
    """Return the images of entry points (`NAME = MODULE`) and of `NAME=COMMAND` options; options take precedence.

    Raises ContainerImageError if an option cannot be parsed.
    """
    commands: dict[str, Sequence[str]] = {
        point.name: (sys.executable, "-m", point.value) for point in entry_points if point.group == GROUP
    }
    for option in options:
        name, words = _parse_option(option)
        commands[name] = words
    return ImageRegistry(commands)


def _parse_option(option: str) -> tuple[str, list[str]]:
    name, _, command = option.partition("=")
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ContainerImageError(f"--image {option!r} cannot be parsed: {error}. Give NAME=COMMAND.") from error
    if not name or not words:
        raise ContainerImageError(f"--image {option!r} has no name or no command. Give NAME=COMMAND.")
    return name, words
