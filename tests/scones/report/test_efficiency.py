from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.report import efficiency
from scones.report.types import ExecutionRun, LambdaInvocation, LambdaRun, MachineRun, Run, TimedState, not_entered

from .conftest import invocation

INVOKE = "arn:aws:states:::lambda:invoke"
seconds = st.floats(min_value=0, max_value=1e4)


def row(state: dict[str, Any], lines: list[LambdaInvocation], **timed: Any) -> efficiency.StateUse:
    """The row of a machine's one state, over one execution of ten seconds."""
    ran: TimedState = not_entered() | {"entered": 1, **timed}  # type: ignore[assignment]
    execution = ExecutionRun(
        name="e", status="SUCCEEDED", started_at="2026-11-22T10:00:00Z", seconds=10.0, review_seconds=0.0
    )
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task", **state}}}
    machine = MachineRun(name="m", definition=definition, states={"A": ran}, executions=[execution])
    functions = [LambdaRun(name="f", invocations=lines, memory_mb=256, max_memory_mb=100)]
    return efficiency.states(machine, functions)[0]


def parts(state: dict[str, Any], lines: list[LambdaInvocation], **timed: Any) -> dict[str, float] | None:
    found = row(state, lines, **timed)["parts"]
    return found and {name: pytest.approx(spent) for name, spent in found.items() if spent}


def test_a_lambda_s_state_is_its_handler_its_cold_start_the_wait_to_try_again_and_overhead() -> None:
    lines = [invocation("r1", 500, 1000), invocation("r2", 1500)]
    spent = parts({"Resource": INVOKE}, lines, seconds=[7.0], called=4.0, waited=2.5, requests=["r1", "r2"])
    assert spent == {"Lambda": 2.0, "cold start": 1.0, "waiting": 2.5, "overhead": 1.5}


def test_who_waits_for_a_person_waits_but_for_the_call_that_asked() -> None:
    state = {"Resource": f"{INVOKE}.waitForTaskToken"}
    spent = parts(state, [invocation("r1", 500)], seconds=[8.0], called=7.5, requests=["r1"])
    assert spent == {"Lambda": 0.5, "waiting": 7.0, "overhead": 0.5}


def test_a_job_and_a_table_are_services_and_their_request_ids_are_no_lambda_s() -> None:
    state = {"Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync"}
    assert parts(state, [], seconds=[8.0], called=7.5, requests=["elsewhere"]) == {"service": 7.5, "overhead": 0.5}


def test_a_wait_is_waiting_and_a_choice_overhead() -> None:
    assert parts({"Type": "Wait"}, [], seconds=[2.0]) == {"waiting": 2.0}
    assert parts({"Type": "Choice"}, [], seconds=[0.1]) == {"overhead": 0.1}


@pytest.mark.parametrize("requests", [["r1", "gone"], ["r1"]])
def test_where_a_report_line_or_a_request_is_missing_nothing_is_said(requests: list[str]) -> None:
    timed = {"entered": 2, "seconds": [1.0, 1.0], "called": 1.8, "requests": requests}
    assert row({"Resource": INVOKE}, [invocation("r1", 500)], **timed)["parts"] is None


def test_who_was_refused_by_lambda_itself_has_no_report_line_to_miss() -> None:
    assert parts({"Resource": INVOKE}, [], seconds=[1.0], caught=1, called=0.75) == {"overhead": 1.0}


@given(st.lists(seconds, min_size=1, max_size=5), st.lists(st.tuples(seconds, seconds), min_size=1, max_size=5))
def test_the_parts_of_a_state_are_all_of_its_time(stays: list[float], calls: list[tuple[float, float]]) -> None:
    lines = [invocation(f"r{n}", run * 1000, init * 1000) for n, (run, init) in enumerate(calls)]
    requests = [line["request"] for line in lines]
    timed = {"seconds": stays[: len(calls)], "called": sum(stays[: len(calls)]), "requests": requests}
    spent = row({"Resource": INVOKE}, lines, **timed)["parts"]
    assert spent
    assert min(spent.values()) >= 0
    assert sum(spent.values()) == pytest.approx(sum(timed["seconds"]), abs=1e-6)


def test_shares_are_of_the_whole_executions_which_come_last(run: Run) -> None:
    assert run["delivery"]
    *states, whole = efficiency.states(run["delivery"], run["lambdas"])
    assert (whole["name"], whole["entered"], whole["parts"]) == ("whole executions", 24, None)
    assert whole["share"] == pytest.approx(sum(state["share"] or 0 for state in states))
    assert "DeliveryFailed" not in [state["name"] for state in states]


def test_a_machine_that_never_ran_has_no_rows() -> None:
    definition = {"StartAt": "A", "States": {"A": {"Type": "Task"}}}
    assert efficiency.states(MachineRun(name="m", definition=definition, states={}, executions=[]), []) == []


def test_a_lambda_s_row_is_what_its_report_lines_say() -> None:
    lines = [invocation("1", 500, 1000), *(invocation(str(n), 100) for n in range(2, 5))]
    other = LambdaRun(name="g", invocations=[invocation("x", 1800)], memory_mb=128, max_memory_mb=40)
    found, least = efficiency.lambdas([LambdaRun(name="f", invocations=lines, memory_mb=256, max_memory_mb=90), other])
    assert found == {
        "name": "f",
        "invocations": 4,
        "cold": 1,
        "init_p50_seconds": 1.0,
        "warm_p50_seconds": 0.1,
        "warm_p95_seconds": pytest.approx(0.1),
        "run_seconds": 0.8,
        "billed_seconds": 1.8,
        "share": 0.5,
        "max_memory_mb": 90,
        "memory_mb": 256,
        "over_provisioned": True,
        "usd_per_1000": pytest.approx(1000 * (2e-7 + 0.45 * 0.25 * 0.0000133334)),
    }
    assert not least["over_provisioned"]
