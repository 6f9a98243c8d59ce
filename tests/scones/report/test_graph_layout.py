from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scones.report.graph_layout import HEIGHT, WIDTH, Arc, isotonic, layered


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[Arc]]:
    names = [f"s{n}" for n in range(draw(st.integers(1, 12)))]
    name = st.sampled_from(names)
    return names, draw(st.lists(st.tuples(name, name), max_size=30))


@given(graphs())
@settings(deadline=None)
def test_every_box_is_placed_once_and_none_overlap(graph: tuple[list[str], list[Arc]]) -> None:
    names, arcs = graph
    layout = layered(names, arcs)
    assert list(layout.boxes) == names
    for (x0, y0), (x1, y1) in combinations(layout.boxes.values(), 2):
        assert abs(x0 - x1) >= WIDTH - 1e-6 or abs(y0 - y1) >= HEIGHT - 1e-6
    for x, y in layout.boxes.values():
        assert WIDTH / 2 - 1e-6 <= x <= layout.width - WIDTH / 2 + 1e-6
        assert HEIGHT / 2 - 1e-6 <= y <= layout.height - HEIGHT / 2 + 1e-6


@given(graphs())
@settings(deadline=None)
def test_every_arc_runs_from_its_source_to_its_target(graph: tuple[list[str], list[Arc]]) -> None:
    names, arcs = graph
    layout = layered(names, arcs)
    assert set(layout.routes) == set(arcs)
    for (source, target), points in layout.routes.items():
        assert (not points) == (source == target)
        for name, point in zip((source, target), (points[0], points[-1]) if points else (), strict=False):
            assert abs(point[0] - layout.boxes[name][0]) <= WIDTH / 2
            assert abs(point[1] - layout.boxes[name][1]) == pytest.approx(HEIGHT / 2)


@given(graphs())
@settings(deadline=None)
def test_no_arc_passes_through_a_box(graph: tuple[list[str], list[Arc]]) -> None:
    layout = layered(*graph)
    for points in layout.routes.values():
        for bend_x, bend_y in points[1:-1]:
            for x, y in layout.boxes.values():
                assert abs(bend_x - x) > WIDTH / 2 or abs(bend_y - y) >= HEIGHT / 2 - 1e-6


def test_a_chain_is_straight_whatever_its_catches() -> None:
    arcs = [("a", "b"), ("b", "c"), ("a", "failed"), ("b", "failed"), ("c", "failed")]
    boxes = layered(["a", "b", "c", "failed"], arcs).boxes
    assert boxes["a"][0] == pytest.approx(boxes["b"][0], abs=1)
    assert boxes["b"][0] == pytest.approx(boxes["c"][0], abs=1)


def test_a_thousand_states_in_a_ring_need_no_recursion() -> None:
    names = [str(n) for n in range(1000)]
    layout = layered(names, [*pairwise(names), ("999", "990")])
    assert layout.boxes["999"][1] > layout.boxes["0"][1]


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0.1, 10)), max_size=20))
def test_isotonic_never_falls_and_keeps_the_weighted_mean(values: list[tuple[float, float]]) -> None:
    fitted = isotonic(values)
    assert all(left <= right + 1e-6 for left, right in pairwise(fitted))
    assert sum(fit * weight for fit, (_, weight) in zip(fitted, values, strict=True)) == pytest.approx(
        sum(value * weight for value, weight in values), abs=1e-3
    )


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0.1, 10)), max_size=20))
def test_isotonic_leaves_what_rises_already(values: list[tuple[float, float]]) -> None:
    rising = sorted(values)
    assert isotonic(rising) == [value for value, _ in rising]
