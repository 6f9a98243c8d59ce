from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.cli.times import parse_since
from scones.errors import UsageError

NOW = datetime(2026, 11, 25, 19, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("2026-11-25T19:30+01:00", NOW - timedelta(hours=1)),
        ("2026-11-25T19:30:00Z", NOW),
    ],
)
def test_a_time_is_an_age_or_in_iso_8601(text: str, time: datetime) -> None:
    assert parse_since(text, NOW) == time


def test_a_time_without_a_time_zone_is_local() -> None:
    assert parse_since("2026-11-25T10:00", NOW) == datetime(2026, 11, 25, 10).astimezone()


@given(text=st.text(max_size=12) | st.from_regex(r"[0-9]{1,8}[mhds]?", fullmatch=True))
def test_any_text_is_a_time_with_a_time_zone_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_since(text, NOW).tzinfo is not None


@pytest.mark.parametrize("text", ["", "yesterday", "2x", "-2h", "999999d", "0001-01-01T00:00"])
def test_a_text_that_is_no_time_says_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match="write 2h, 3d or"):
        parse_since(text, NOW)
