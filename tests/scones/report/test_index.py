from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scones.report.index import HEIGHT, WIDTH, render_index, run_row, trend
from scones.report.summary import summarise
from scones.report.types import Run

from .test_html import Page

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["model", "release"]), inner),
    max_leaves=5,
)


def test_all_runs_are_listed_the_newest_first_with_their_figures(run: Run) -> None:
    older: Any = summarise(run, None)
    newer: Any = {**older, "model": {"accuracy": 0.9}, "release": {"status": "FAILED", "started_at": "2027"}}
    page = Page(render_index({"a": newer, "b": older}))
    assert [values["href"] for tag, values in page.tags if tag == "a"] == ["a/report.html", "b/report.html"]
    said = page.text.replace("\u00a0", " ")
    for figure in ("87.5 % to 90.0 %", "FAILED", "SUCCEEDED", "24"):
        assert figure in said
    assert sum(tag == "circle" for tag, _ in page.tags) == 2


def test_one_run_has_no_trend(run: Run) -> None:
    assert "<polyline" not in render_index({"a": summarise(run, None)})


@given(st.dictionaries(st.text(min_size=1, max_size=5), json_values, max_size=3))
def test_any_summary_and_any_folder_s_name_make_a_page(summaries: dict[str, object]) -> None:
    page = Page(render_index(summaries))
    assert sum(tag == "a" for tag, _ in page.tags) == len(summaries)
    assert all(tag != "script" for tag, _ in page.tags)


def test_a_summary_of_an_earlier_version_lacks_some_figures() -> None:
    row = run_row("r", {"model": {"accuracy": 0.5}, "workflow": {"failed": "many"}})
    assert (row["accuracy"], row["failed"], row["status"]) == (0.5, None, None)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_the_trend_stays_inside_its_drawing(values: list[float]) -> None:
    points = trend(values)
    assert len(points) == len(values)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT and math.isfinite(x + y) for x, y in points)
