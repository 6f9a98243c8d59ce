from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scones.report import asl, state_machine_svg
from scones.report.types import MachineRun, Run, TimedState, not_entered


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """State machines with every kind of transition, loops and self-loops among them."""
    names = draw(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=8, unique=True))
    target = st.sampled_from(names)
    rule = st.fixed_dictionaries({"Condition": st.text(max_size=40), "Next": target})
    catcher = st.fixed_dictionaries({"ErrorEquals": st.lists(st.text(max_size=10), max_size=2), "Next": target})
    task = st.fixed_dictionaries(
        {"Type": st.sampled_from(["Task", "Pass", "Wait", "Map", "Parallel"]), "Next": target},
        optional={"Catch": st.lists(catcher, max_size=2)},
    )
    choice = st.fixed_dictionaries(
        {"Type": st.just("Choice"), "Choices": st.lists(rule, max_size=3)}, optional={"Default": target}
    )
    end = st.fixed_dictionaries({"Type": st.sampled_from(["Succeed", "Fail"])})
    states = {name: draw(task | choice | end) for name in names}
    return {"StartAt": draw(target), "States": states}


def ran(definition: dict[str, Any], **states: TimedState) -> MachineRun:
    return MachineRun(name="m", definition=definition, states=states, executions=[])


@given(definitions())
@settings(deadline=None)
def test_every_state_is_drawn_once_and_every_transition(definition: dict[str, Any]) -> None:
    drawing = state_machine_svg.draw(ran(definition))
    assert drawing
    assert sorted(node.name for node in drawing.nodes) == sorted(definition["States"])
    assert len(drawing.edges) == len(asl.transitions(definition))
    assert len({(node.x, node.y) for node in drawing.nodes}) == len(drawing.nodes)
    assert all(edge.path.startswith("M") and " C" in edge.path for edge in drawing.edges)


def test_a_state_shows_how_often_and_how_long() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", "Next": "B"}, "B": {"Type": "Succeed"}}}
    drawing = state_machine_svg.draw(
        ran(definition, A=not_entered() | {"entered": 3, "failed": 1, "seconds": [0.1, 0.3]})
    )
    assert drawing
    first, second = drawing.nodes
    assert first.stats.replace("\u00a0", " ") == "3× · p50 200 ms · p95 290 ms"  # noqa: RUF001
    assert first.failed == 1
    assert second.stats == "not entered"
    assert second.ends


def test_what_is_caught_is_told_by_the_title_of_the_line(run: Run) -> None:
    assert run["delivery"]
    drawing = state_machine_svg.draw(run["delivery"])
    assert drawing
    caught = [edge for edge in drawing.edges if edge.kind == "catch"]
    assert "Filter → Review: catch (ThresholdConfidenceNotMet)" in [edge.title for edge in caught]
    assert not any(edge.label for edge in caught)


def test_a_machine_without_states_is_not_drawn() -> None:
    assert state_machine_svg.draw(ran({})) is None
