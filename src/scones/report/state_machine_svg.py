"""The drawing of a state machine: its states, its transitions, and how long each state took. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from scones.report import asl
from scones.report.formatting import duration, percentile
from scones.report.graph_layout import HEIGHT, WIDTH, Layout, Point, layered
from scones.report.types import MachineRun, TimedState, not_entered

MARGIN = 26.0
LOOP = 30.0
NAME_LENGTH, LABEL_LENGTH = 26, 26
# The position of a label along its line: near the end, where the branches are far from one another.
LABEL_AT = 0.62


@dataclass(frozen=True)
class Node:
    """The box of one state; `x` and `y` are its upper left corner in pixels."""

    name: str
    title: str
    type: str
    x: float
    y: float
    stats: str
    failed: int
    entered: int
    ends: bool


@dataclass(frozen=True)
class Edge:
    """The line of one transition; `path` is SVG path data, `at` the position of its label."""

    kind: asl.Kind
    path: str
    label: str
    title: str
    at: Point


@dataclass(frozen=True)
class Drawing:
    """The content of `machine.svg.j2`; `start` is where the arrow to the first state begins. Lengths are in pixels."""

    nodes: list[Node]
    edges: list[Edge]
    start: Point
    width: float
    height: float


def draw(machine: MachineRun) -> Drawing | None:
    """Return a machine as boxes and lines for `machine.svg.j2`, or None if the definition has no states."""
    states = asl.states(machine["definition"])
    if not states:
        return None
    ways = asl.transitions(machine["definition"])
    layout = layered(list(states), [(way.source, way.target) for way in ways])
    nodes = [
        _node(name, state, machine["states"].get(name) or not_entered(), layout.boxes[name])
        for name, state in states.items()
    ]
    x, y = layout.boxes[next(iter(states))]
    return Drawing(
        nodes=nodes,
        edges=[_edge(way, layout) for way in ways],
        start=(x + MARGIN, y + MARGIN - HEIGHT / 2),
        width=layout.width + 2 * MARGIN + LOOP,
        height=layout.height + 2 * MARGIN,
    )


def _node(name: str, state: Mapping[str, Any], timed: TimedState, centre: Point) -> Node:
    seconds = timed["seconds"]
    times = f" · p50 {duration(percentile(seconds, 50))} · p95 {duration(percentile(seconds, 95))}" if seconds else ""
    times = f" · {duration(seconds[0])}" if len(seconds) == 1 else times
    kind = str(state.get("Type", "Task"))
    inside = {"Parallel": f" x {len(state.get('Branches') or ())}", "Map": " over items"}.get(kind, "")
    return Node(
        name=name,
        title=name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…",
        type=kind + inside,
        x=centre[0] - WIDTH / 2 + MARGIN,
        y=centre[1] - HEIGHT / 2 + MARGIN,
        stats=f"{timed['entered']}×{times}" if timed["entered"] else "not entered",  # noqa: RUF001 - the sign for times
        failed=timed["failed"],
        entered=timed["entered"],
        ends=bool(state.get("End")) or kind in ("Succeed", "Fail"),
    )


def _edge(way: asl.Transition, layout: Layout) -> Edge:
    points = [(x + MARGIN, y + MARGIN) for x, y in layout.routes[way.source, way.target]]
    if not points:
        x, y = layout.boxes[way.source]
        return _loop(way, (x + MARGIN + WIDTH / 2, y + MARGIN))
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path += f" C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return Edge(way.kind, path, _label(way), _title(way), _along(points[0], points[1], LABEL_AT))


def _along(start: Point, end: Point, share: float) -> Point:
    """Return a point of the cubic Bezier curve that leaves `start` and reaches `end` vertically."""
    across = share * share * (3 - 2 * share)
    down = 1.5 * share * (1 - share) + share**3
    return start[0] + across * (end[0] - start[0]), start[1] + down * (end[1] - start[1])


def _loop(way: asl.Transition, side: Point) -> Edge:
    x, y = side
    path = f"M{x:.1f} {y + 12:.1f} C{x + LOOP:.1f} {y + 20:.1f} {x + LOOP:.1f} {y - 20:.1f} {x:.1f} {y - 12:.1f}"
    return Edge(way.kind, path, "", _title(way), side)


def _label(way: asl.Transition) -> str:
    # Caught errors and long conditions would crowd the drawing; the line's title shows them.
    text = "" if way.kind == "catch" else way.label.replace("$states.input.", "")
    return text if len(text) <= LABEL_LENGTH else ""


def _title(way: asl.Transition) -> str:
    detail = f" ({way.label})" if way.label else ""
    return f"{way.source} → {way.target}: {way.kind}{detail}"
