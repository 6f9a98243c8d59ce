"""Layered layout of a directed graph, top to bottom. Pure; draws nothing.

The method of Sugiyama, Tagawa & Toda (1981): reverse the arcs that close a cycle, rank by the longest path, cut long
arcs at each row, order the rows by barycentre, then move every row as near to its neighbours as its order and the gaps
allow (least squares by pooling adjacent violators). The first arc of a box is its main one, and straight if possible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

Arc = tuple[str, str]
Point = tuple[float, float]

WIDTH, HEIGHT = 204.0, 62.0
COLUMN_GAP, ROW_GAP = 26.0, 56.0
BEND_WIDTH = 34.0
PORT_GAP = 22.0
SWEEPS = 9
MAIN_WEIGHT = 1000.0


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes (each WIDTH x HEIGHT) and, per arc, its points from the source's edge to the target's.

    An arc from a box to itself has no points: it is a loop at the box's side. Lengths are in pixels.
    """

    boxes: dict[str, Point]
    routes: dict[Arc, list[Point]]
    width: float
    height: float


def layered(names: Sequence[str], arcs: Sequence[Arc]) -> Layout:
    """Return the layout of the boxes `names`, the first on top, and of the `arcs` between them."""
    wanted = list(dict.fromkeys(arc for arc in arcs if arc[0] != arc[1]))
    backward = _backward(names, wanted)
    downward = {arc: arc[::-1] if arc in backward else arc for arc in wanted}
    grid = _Grid(names, downward)
    grid.order()
    grid.place()
    routes = {arc: list(grid.points(arc)) for arc in wanted}
    routes = {arc: points[::-1] if arc in backward else points for arc, points in routes.items()}
    loops: dict[Arc, list[Point]] = {arc: [] for arc in arcs if arc[0] == arc[1]}
    boxes = {name: (grid.x[index], grid.y(index)) for index, name in enumerate(names)}
    return Layout(boxes, routes | loops, grid.width, len(grid.rows) * (HEIGHT + ROW_GAP) - ROW_GAP)


def _backward(names: Sequence[str], arcs: Sequence[Arc]) -> set[Arc]:
    """Return the arcs to reverse: those to a box that a depth-first search is still visiting."""
    following = defaultdict(list)
    for source, target in arcs:
        following[source].append(target)
    backward: set[Arc] = set()
    visited: set[str] = set()
    for root in names:
        # A stack of our own, because a long chain of states would exceed Python's recursion limit.
        path = [] if root in visited else [(root, iter(following[root]))]
        on_path = {root}
        visited.add(root)
        while path:
            name, rest = path[-1]
            ahead = next(rest, None)
            if ahead is None:
                on_path.discard(name)
                path.pop()
            elif ahead in on_path:
                backward.add((name, ahead))
            elif ahead not in visited:
                visited.add(ahead)
                on_path.add(ahead)
                path.append((ahead, iter(following[ahead])))
    return backward


class _Grid:
    """Rows of vertices: the boxes in the order of their names, then a bend for every row that an arc passes through."""

    def __init__(self, names: Sequence[str], downward: dict[Arc, Arc]) -> None:
        number = {name: index for index, name in enumerate(names)}
        ends = {arc: (number[top], number[bottom]) for arc, (top, bottom) in downward.items()}
        self._boxes = len(names)
        self._row = _ranks(self._boxes, list(ends.values()))
        self._chains: dict[Arc, list[int]] = {}
        self._main = set({arc[0]: arc for arc in reversed(downward)}.values())
        self._above: dict[int, dict[Arc, int]] = defaultdict(dict)
        self._below: dict[int, dict[Arc, int]] = defaultdict(dict)
        for arc, (top, bottom) in ends.items():
            bends = range(len(self._row), len(self._row) + self._row[bottom] - self._row[top] - 1)
            self._row += range(self._row[top] + 1, self._row[bottom])
            self._chains[arc] = [top, *bends, bottom]
            for upper, lower in pairwise(self._chains[arc]):
                self._below[upper][arc] = lower
                self._above[lower][arc] = upper
        self.rows: list[list[int]] = [[] for _ in range(max(self._row, default=-1) + 1)]
        for vertex, row in enumerate(self._row):
            self.rows[row].append(vertex)
        self.x = [0.0] * len(self._row)
        self.width = 0.0

    def y(self, vertex: int) -> float:
        """Return the centre of a vertex's row."""
        return self._row[vertex] * (HEIGHT + ROW_GAP) + HEIGHT / 2

    def order(self) -> None:
        """Sort each row by the mean position of its neighbours, downwards and upwards in turn."""
        place: dict[int, float] = {vertex: at for row in self.rows for at, vertex in enumerate(row)}
        for rows, neighbours in self._sweeps():
            for row in rows:
                row.sort(
                    key=lambda vertex: _mean([place[other] for other in neighbours[vertex].values()], place[vertex])
                )
                place.update((vertex, at) for at, vertex in enumerate(row))

    def place(self) -> None:
        """Give each vertex the x nearest to that of its neighbours that keeps the order and the gaps."""
        # The start: every row centred, its vertices as close as the gaps allow.
        offsets = [self._offsets(row) for row in self.rows]
        for row, offset in zip(self.rows, offsets, strict=True):
            for vertex, left in zip(row, offset, strict=True):
                self.x[vertex] = left - offset[-1] / 2
        for rows, neighbours in self._sweeps():
            for row in rows:
                offset = self._offsets(row)
                wishes = [self._wish(vertex, neighbours[vertex]) for vertex in row]
                # Less its offset, a vertex may stand anywhere that is not left of the one before it: keeping order and
                # gaps becomes fitting a non-decreasing sequence.
                fitted = isotonic([(wish - left, weight) for (wish, weight), left in zip(wishes, offset, strict=True)])
                for vertex, fit, left in zip(row, fitted, offset, strict=True):
                    self.x[vertex] = fit + left
        first = min((self.x[vertex] - self._span(vertex) / 2 for vertex in range(len(self.x))), default=0.0)
        self.x = [x - first for x in self.x]
        self.width = max((self.x[vertex] + self._span(vertex) / 2 for vertex in range(len(self.x))), default=0.0)

    def points(self, arc: Arc) -> Iterator[Point]:
        """Yield the points of an arc: from the upper box's lower edge, straight through each row, to the lower box."""
        chain = self._chains[arc]
        top, bottom = chain[0], chain[-1]
        yield self._port(top, arc, self._below[top]), self.y(top) + HEIGHT / 2
        for bend in chain[1:-1]:
            yield self.x[bend], self.y(bend) - HEIGHT / 2
            yield self.x[bend], self.y(bend) + HEIGHT / 2
        yield self._port(bottom, arc, self._above[bottom]), self.y(bottom) - HEIGHT / 2

    def _wish(self, vertex: int, neighbours: dict[Arc, int]) -> tuple[float, float]:
        """Return the x that a vertex would have without the others in its row, and the weight of that wish."""
        weights = {arc: MAIN_WEIGHT if arc in self._main else 1.0 for arc in neighbours}
        weight = sum(weights.values())
        if not weight:
            return self.x[vertex], 1.0
        return sum(weights[arc] * self.x[other] for arc, other in neighbours.items()) / weight, weight

    def _port(self, vertex: int, arc: Arc, neighbours: dict[Arc, int]) -> float:
        ranked = sorted(neighbours, key=lambda other: self.x[neighbours[other]])
        gap = min(PORT_GAP, WIDTH / 2 / len(ranked))
        main = [place for place, other in enumerate(ranked) if other in self._main]
        middle = main[0] if len(main) == 1 else (len(ranked) - 1) / 2
        return self.x[vertex] + (ranked.index(arc) - middle) * gap

    def _span(self, vertex: int) -> float:
        return WIDTH if vertex < self._boxes else BEND_WIDTH

    def _offsets(self, row: list[int]) -> list[float]:
        offsets = [0.0]
        for left, right in pairwise(row):
            offsets.append(offsets[-1] + (self._span(left) + self._span(right)) / 2 + COLUMN_GAP)
        return offsets

    def _sweeps(self) -> Iterator[tuple[list[list[int]], dict[int, dict[Arc, int]]]]:
        for sweep in range(SWEEPS):
            yield (self.rows[::-1], self._below) if sweep % 2 else (self.rows, self._above)


def _ranks(count: int, arcs: Sequence[tuple[int, int]]) -> list[int]:
    """Return the row of each vertex: one below the lowest vertex that leads to it."""
    before: dict[int, list[int]] = {vertex: [] for vertex in range(count)}
    for source, target in arcs:
        before[target].append(source)
    ranks = [0] * count
    for vertex in TopologicalSorter(before).static_order():
        ranks[vertex] = max((ranks[source] + 1 for source in before[vertex]), default=0)
    return ranks


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def isotonic(values: Sequence[tuple[float, float]]) -> list[float]:
    """Return the non-decreasing sequence nearest to `values` (value, weight): pool adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in values:
        mean, count = value, 1
        while blocks and blocks[-1][0] > mean:
            before, weight_before, count_before = blocks.pop()
            total = weight_before + weight
            mean = (before * weight_before + mean * weight) / total
            weight = total
            count += count_before
        blocks.append((mean, weight, count))
    return [mean for mean, _, count in blocks for _ in range(count)]
