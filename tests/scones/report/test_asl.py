from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scones.report import asl

comparison = st.fixed_dictionaries(
    {"Variable": st.text(max_size=9)},
    optional={
        "StringEquals": st.text(max_size=5),
        "NumericGreaterThan": st.floats(),
        "IsPresent": st.booleans(),
        "SomethingNew": st.none(),
        "Comment": st.text(max_size=5),
    },
)
rules = st.recursive(
    comparison | st.fixed_dictionaries({"Condition": st.text(max_size=30)}),
    lambda rule: (
        st.fixed_dictionaries({"And": st.lists(rule, max_size=3)})
        | st.fixed_dictionaries({"Or": st.lists(rule, max_size=3)})
        | st.fixed_dictionaries({"Not": rule})
    ),
    max_leaves=6,
)


def test_every_way_out_of_a_state_is_a_transition() -> None:
    definition = {
        "StartAt": "Look",
        "States": {
            "Done": {"Type": "Succeed"},
            "Look": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.n", "NumericLessThanEquals": 3, "Next": "Work"},
                    {"Condition": "{% $n > 9 %}", "Next": "Work"},
                ],
                "Default": "Done",
            },
            "Work": {"Type": "Task", "Next": "Look", "Catch": [{"ErrorEquals": ["A", "B"], "Next": "Done"}]},
        },
    }
    assert list(asl.states(definition)) == ["Look", "Done", "Work"]
    assert sorted(asl.transitions(definition), key=lambda way: (way.source, way.target, way.kind)) == [
        asl.Transition("Look", "Done", "default", "otherwise"),
        asl.Transition("Look", "Work", "choice", "n ≤ 3 or $n > 9"),
        asl.Transition("Work", "Done", "catch", "A, B"),
        asl.Transition("Work", "Look", "next"),
    ]


def test_a_rule_of_rules_is_spelt_out() -> None:
    rule = {
        "Or": [
            {"And": [{"Variable": "$.a", "StringEquals": "x"}, {"Variable": "$.b", "IsPresent": True}]},
            {"Not": {"Variable": "$.c", "BooleanEquals": False}},
        ],
        "Next": "There",
    }
    assert asl.condition(rule) == "a = x and b IsPresent True or not (c = False)"


def test_a_way_to_a_state_that_is_not_there_is_none() -> None:
    assert asl.transitions({"StartAt": "A", "States": {"A": {"Type": "Task", "Next": "Nowhere"}}}) == []


@given(rules)
def test_every_rule_can_be_told(rule: dict[str, Any]) -> None:
    said = asl.condition(rule)
    assert isinstance(said, str)


@given(st.lists(rules, max_size=4), st.lists(st.sampled_from(["A", "B", "Nowhere"]), min_size=4))
def test_a_choice_has_a_transition_for_each_state_that_is_there(choices: list[dict[str, Any]], to: list[str]) -> None:
    rules_with_next = [{**rule, "Next": target} for rule, target in zip(choices, to, strict=False)]
    definition = {
        "StartAt": "A",
        "States": {"A": {"Type": "Choice", "Choices": rules_with_next}, "B": {"Type": "Succeed"}},
    }
    targets = {way.target for way in asl.transitions(definition)}
    assert targets == {rule["Next"] for rule in rules_with_next} - {"Nowhere"}
