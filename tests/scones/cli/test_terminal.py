from __future__ import annotations

import json

import pytest

from scones.cli.terminal import print_rows, progress_console, warn

ROWS = [{"name": "a", "share": 0.123456, "order": None}, {"name": "b"}]


def test_a_table_has_the_columns_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, ("name", "share", "order"), as_json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["name", "share", "order"], ["a", "0.1235"], ["b"]]


def test_json_has_whole_rows_without_rounding(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(ROWS, ("name",), as_json=True)
    assert json.loads(capsys.readouterr().out) == ROWS


@pytest.mark.parametrize(("as_json", "output"), [(False, "no orders\n"), (True, "[]\n")])
def test_no_rows_are_a_text_or_an_empty_list(capsys: pytest.CaptureFixture[str], as_json: bool, output: str) -> None:
    print_rows([], (), as_json, if_empty="no orders")
    assert capsys.readouterr().out == output


def test_with_json_progress_goes_to_the_standard_error() -> None:
    assert progress_console(as_json=True).stderr
    assert not progress_console(as_json=False).stderr


def test_a_warning_goes_to_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    warn("--old is deprecated; use --new")
    assert capsys.readouterr() == ("", "warning: --old is deprecated; use --new\n")
