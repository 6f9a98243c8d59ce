"""Text for the terminal. Nothing from outside is interpreted, neither as rich's markup nor by the terminal itself."""

from __future__ import annotations

import unicodedata

from rich.text import Text

# Characters that reorder what is shown: a file name could pretend to be another one.
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: object, style: str = "") -> Text:
    """Return the text as rich prints it unchanged; control characters are shown as escapes, such as `\\x1b`."""
    shown = "".join(_escaped(character) if _is_control(character) else character for character in str(text))
    return Text(shown, style)


def labelled(label: str, style: str, message: object) -> Text:
    """Return `label` in a style, and the message after it."""
    return Text.assemble((label, style), " ", plain(message))


def _is_control(character: str) -> bool:
    # Lone surrogates come from file names that are not UTF-8, and cannot be encoded.
    is_newline = character == "\n"
    return not is_newline and (unicodedata.category(character) in ("Cc", "Cs") or character in _BIDIRECTIONAL)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
