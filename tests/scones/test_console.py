"""Text from outside on a terminal and in a log: it is printed as it is, whatever it looks like."""

from __future__ import annotations

import io
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from scones.cli import terminal
from scones.console import labelled, plain
from scones.progress import Reporter

# What rich, markdown and terminals interpret, among anything else.
MARKUP = st.sampled_from(
    ["[/x]", "[bold]", "[/]", "[dispatch]", ":smile:", "\x1b[31m", "\\[", "<kind>", "\u202e", "\udcff"]
)
TEXTS = st.lists(st.one_of(MARKUP, st.text(max_size=20)), max_size=5).map("".join)


def printed(text: str) -> str:
    """Return the text as it is shown: control characters as escapes."""
    return plain(text).plain


def written(is_terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    options: dict[str, Any] = {"no_color": True, "soft_wrap": True, "_environ": {"TERM": "xterm"}}
    return Console(file=file, width=10_000, force_terminal=is_terminal, **options), file


@given(TEXTS)
def test_plain_text_has_no_control_characters_and_loses_no_other(text: str) -> None:
    shown = printed(text)
    assert all(unicodedata.category(character) not in ("Cc", "Cs") for character in shown if character != "\n")
    shown.encode()
    if text.isprintable():
        assert shown == text


@given(TEXTS, st.booleans())
def test_messages_are_printed_as_they_are(text: str, is_terminal: bool) -> None:
    console, file = written(is_terminal)
    console.print(labelled("error:", "", text), highlight=False)
    assert file.getvalue() == f"error: {printed(text)}\n"


@given(TEXTS)
def test_progress_lines_are_printed_as_they_are(text: str) -> None:
    console, file = written(is_terminal=False)
    with Reporter(console).step("stage", text) as progress:
        progress.update(1, 2, f"at {text}")
        progress.note(text)
    output = file.getvalue()
    assert output.startswith(f"stage: {printed(text)}\n  stage: at {printed(text)}\n  {printed(text)}\n")
    assert output.endswith(f"s  {printed(text)}\n")


@given(TEXTS)
def test_a_progress_bar_takes_any_text(text: str) -> None:
    console, file = written(is_terminal=True)
    with Reporter(console).step("stage", text) as progress:
        progress.update(1, 2, text)
        progress.note(text)
    assert f"  {printed(text)}\n" in file.getvalue().replace("\r", "")


@pytest.mark.parametrize("text", ["arrivals/eve/[/x].png", "[dispatch] in scones.toml", "a[/y]", "\x1b[31mred"])
def test_tables_and_warnings_are_printed_as_they_are(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_rows([{"image": text, "digest": "d" * 300}], ("image", "digest"), as_json=False)
    terminal.print_rows([], (), as_json=False, if_empty=text)
    terminal.warn(text)
    out, err = capsys.readouterr()
    # A table in a log is never folded.
    assert out.splitlines()[1:] == [f"{printed(text)}  {'d' * 300}", printed(text)]
    assert err == f"warning: {printed(text)}\n"
