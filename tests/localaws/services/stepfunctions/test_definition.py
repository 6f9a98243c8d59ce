import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.errors import DefinitionError
from localaws.services.stepfunctions.definition import check, check_machine

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
NAMES = """
Type Next End Choices Retry Catch Branches ItemProcessor Iterator Parameters ResultPath States StartAt Variable And Not
QueryLanguage Seconds Resource InputPath ErrorEquals Default ItemReader Condition TimeoutSeconds
"""
FIELDS = st.sampled_from(NAMES.split())
KINDS = st.sampled_from(["Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map", "JSONata", "s", "$.a"])
ASL_LIKE = st.recursive(
    KINDS | JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.just("s"), inner, max_size=6),
    max_leaves=30,
)


def machine(**state: Any) -> dict[str, Any]:
    """A machine whose only interesting state is `State`; `Other` may be gone to."""
    state = {"Type": "Pass", "End": True} | state
    return {"StartAt": "State", "States": {"State": state, "Other": {"Type": "Succeed"}}}


def refused(definition: object) -> str:
    with pytest.raises(DefinitionError) as error:
        check_machine(definition, lambda resource: resource == "known")
    assert "\n" not in str(error.value)
    return str(error.value)


def accepted(definition: object) -> None:
    check_machine(definition, lambda resource: resource == "known")


@given(JSON)
def test_whatever_the_json_only_a_definition_error_is_raised(value: object) -> None:
    with contextlib.suppress(DefinitionError):
        check_machine(value, lambda _: True)


@settings(max_examples=300)
@given(ASL_LIKE)
def test_whatever_looks_like_a_state_only_a_definition_error_is_raised(state: object) -> None:
    with contextlib.suppress(DefinitionError):
        check_machine({"StartAt": "s", "States": {"s": state}}, lambda _: True)


@given(st.text())
def test_whatever_the_text_only_a_definition_error_is_raised(text: str) -> None:
    with contextlib.suppress(DefinitionError):
        check(text, lambda _: True)


def test_nesting_without_end_is_refused() -> None:
    deep: Any = {"StartAt": "s", "States": {"s": {"Type": "Succeed"}}}
    for _ in range(200):
        branch = {"Type": "Parallel", "End": True, "Branches": [deep]}
        deep = {"StartAt": "s", "States": {"s": branch}}
    assert "nested" in refused(deep)
    with pytest.raises(DefinitionError):
        check("[" * 100_000, lambda _: True)


@pytest.mark.parametrize(
    "definition", [None, [], {}, {"foo": 1}, {"States": {}}, {"StartAt": "x", "States": {}}, "text"]
)
def test_what_is_no_machine_is_refused(definition: object) -> None:
    refused(definition)


def test_targets_must_exist() -> None:
    assert "StartAt" in refused({"StartAt": "Nowhere", "States": {"A": {"Type": "Succeed"}}})
    assert "/States/State/Next" in refused({"StartAt": "State", "States": {"State": {"Type": "Pass", "Next": "No"}}})
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Other"}], "Default": "No"}
    assert "/States/State/Default" in refused({"StartAt": "State", "States": {"State": choice, "Other": choice}})
    assert "Retry" not in refused(machine(Type="Task", Resource="known", Catch=[{"ErrorEquals": ["x"], "Next": "No"}]))


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("Heartbeat", {"Type": "Task", "Resource": "known", "Heartbeat": 1}),
        ("HeartbeatSeconds", {"Type": "Task", "Resource": "known", "HeartbeatSeconds": 1}),
        ("TimeoutSecondsPath", {"Type": "Task", "Resource": "known", "TimeoutSecondsPath": "$.t"}),
        ("Credentials", {"Type": "Task", "Resource": "known", "Credentials": {}}),
        ("Resource", {"Type": "Task", "Resource": "arn:aws:states:::unknown:call"}),
        ("Type", {"Type": "Tusk"}),
        ("Assign", {"Assign": {"x": 1}}),
        ("InputPath", {"InputPath": "$.items[?(@.price > 1)]"}),
        ("InputPath", {"InputPath": "$x.field"}),
        ("OutputPath", {"OutputPath": "$..deep"}),
        ("OutputPath", {"OutputPath": "$.items[0:2]"}),
        ("ResultPath", {"ResultPath": "$.a[0]"}),
        ("a.$", {"Parameters": {"list": [{"a.$": "$.b.length()"}]}}),
        ("a.$", {"Parameters": {"a.$": "States.Unheard('x')"}}),
        ("ItemBatcher", {"Type": "Map", "ItemProcessor": machine(), "ItemBatcher": {}}),
        ("ResultWriter", {"Type": "Map", "ItemProcessor": machine(), "ResultWriter": {}}),
        ("ItemReader", {"Type": "Map", "ItemProcessor": machine(), "ItemReader": {}}),
        (
            "JitterStrategy",
            {"Type": "Task", "Resource": "known", "Retry": [{"ErrorEquals": ["x"], "JitterStrategy": "Q"}]},
        ),
        ("MaxDelay", {"Type": "Task", "Resource": "known", "Retry": [{"ErrorEquals": ["x"], "MaxDelay": 1}]}),
        ("Output", {"QueryLanguage": "JSONata", "Type": "Parallel", "Branches": [machine()], "Output": 1}),
        ("Parameters", {"QueryLanguage": "JSONata", "Type": "Task", "Resource": "known", "Parameters": {}}),
    ],
)
def test_what_would_be_read_over_is_refused_with_state_and_field(field: str, state: dict[str, Any]) -> None:
    message = refused(machine(**state))
    assert f"/States/State/{field}" in message or (message.startswith("SCHEMA") and message.endswith(f"/{field}"))


@pytest.mark.parametrize(
    "state",
    [
        {
            "Parameters": {
                "a.$": "$.b['c d'][0].*",
                "b.$": "$$.Execution.Id",
                "c.$": "States.Format('States.X({})', $.a)",
            }
        },
        {
            "Type": "Task",
            "Resource": "known",
            "TimeoutSeconds": 5,
            "ResultPath": None,
            "ResultSelector": {"a.$": "$.b"},
        },
        {"Type": "Map", "ItemsPath": "$.l[*]", "ItemProcessor": machine()},
        {"Type": "Parallel", "Branches": [machine(), machine()]},
        {"Type": "Wait", "SecondsPath": "$.s"},
        {"QueryLanguage": "JSONata", "Output": "{% $states.input.a[b > 1] %}", "Assign": {"x": 1}},
    ],
)
def test_what_the_engine_does_is_accepted(state: dict[str, Any]) -> None:
    accepted(machine(**state))


def test_a_choice_may_combine_comparisons_that_the_engine_knows() -> None:
    both = {"And": [{"Variable": "$.a", "NumericLessThan": 3}, {"Not": {"Variable": "$.b", "IsPresent": True}}]}
    choice = {"Type": "Choice", "Choices": [{**both, "Next": "Other"}]}
    states = {"State": choice, "Other": {"Type": "Succeed"}}
    accepted({"StartAt": "State", "States": states})
    choice["Choices"] = [{"Variable": "$.a", "StringLessThanPath": "$.b", "Next": "Other"}]
    assert "StringLessThanPath" in refused({"StartAt": "State", "States": states})


def test_a_definition_that_is_no_json_is_refused() -> None:
    with pytest.raises(DefinitionError, match="INVALID_JSON"):
        check("{", lambda _: True)
    check(json.dumps(machine()), lambda _: True)
