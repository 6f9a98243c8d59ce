from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.report import formatting

finite = st.floats(min_value=-1e6, max_value=1e6)


@given(st.lists(finite, min_size=1, max_size=40), st.floats(min_value=0, max_value=100))
def test_a_percentile_is_the_one_that_numpy_finds(values: list[float], percent: float) -> None:
    assert formatting.percentile(values, percent) == pytest.approx(np.percentile(values, percent), abs=1e-6)


def test_nothing_has_no_percentile() -> None:
    assert formatting.percentile([], 50) is None


@given(st.floats(min_value=0, max_value=1e6))
def test_dollars_never_show_less_than_they_are_nor_a_cent_more(usd: float) -> None:
    shown = float(formatting.dollars(usd).removeprefix("$"))
    assert usd - 1e-6 <= shown <= usd + 0.01 + 1e-6


@given(st.integers(min_value=0, max_value=10**7))
def test_whole_cents_stay_as_they_are(cents: int) -> None:
    assert formatting.dollars(cents / 100) == f"${cents // 100}.{cents % 100:02}"


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_a_quantity_is_plain_and_near(value: float) -> None:
    shown = formatting.quantity(value)
    assert "e" not in shown
    assert float(shown.replace(",", "")) == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "—"), (0, "0 ms"), (0.0614, "61 ms"), (0.9999, "1.0 s"), (61.7, "61.7 s"), (99.7, "1 min 40 s")],
)
def test_a_duration_has_the_unit_that_people_use(seconds: float | None, shown: str) -> None:
    assert formatting.duration(seconds).replace("\u00a0", " ") == shown


@pytest.mark.parametrize(("usd", "shown"), [(0.115, "$0.115"), (0.5, "$0.50"), (0.0000133334, "$0.0000133334")])
def test_a_price_is_shown_as_its_source_has_it(usd: float, shown: str) -> None:
    assert formatting.price(usd) == shown


@pytest.mark.parametrize(
    ("names", "said"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (list("abcd"), "4 classes")],
)
def test_names_are_listed_until_they_are_too_many(names: list[str], said: str) -> None:
    assert formatting.listed(names) == said
