import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.faults.rules import KINDS, SIDES, Call, Rule, RuleError, parse, share

CALL = Call("command", "s3", "PutObject")
CALLS = st.builds(Call, st.sampled_from(SIDES), st.text(max_size=5), st.text(max_size=5))
JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())
MEMBERS = st.sampled_from(
    ["side", "service", "operation", "kind", "skip", "count", "seed", "probability", "record", "colour"]
)


BODIES = st.dictionaries(MEMBERS, JSON | st.sampled_from(KINDS + SIDES)).map(
    lambda members: json.dumps(members).encode()
)


@given(st.binary() | BODIES)
def test_any_body_is_a_rule_or_a_rule_error(body: bytes) -> None:
    with suppress(RuleError):
        rule = parse(body)
        assert rule is None or rule.kind in KINDS


@given(skip=st.integers(0, 5), count=st.integers(1, 5))
def test_without_a_seed_the_numbered_matches_fail(skip: int, count: int) -> None:
    rule = parse(json.dumps({"kind": "reset", "skip": skip, "count": count}).encode())
    assert rule is not None
    failed = [match for match in range(1, 12) if rule.fires(CALL, 1, match)]
    assert failed == list(range(skip + 1, skip + count + 1))


@given(seed=st.integers() | st.text(max_size=10), call=CALLS, number=st.integers(1))
def test_the_share_of_a_call_depends_on_its_arguments_alone(seed: int | str, call: Call, number: int) -> None:
    assert 0 <= share(seed, call, number) == share(seed, Call(*call), number) < 1


@given(seed=st.integers(), call=CALLS, number=st.integers(1), matches=st.lists(st.integers(1), min_size=2))
def test_with_a_seed_it_does_not_matter_what_was_called_in_between(
    seed: int, call: Call, number: int, matches: list[int]
) -> None:
    rule = Rule("reset", seed=seed, probability=0.5)
    assert len({rule.fires(call, number, match) for match in matches}) == 1


def test_a_probability_is_the_share_of_calls_that_fail() -> None:
    rule = Rule("reset", seed=1, probability=0.25)
    failed = sum(rule.fires(CALL, number, 1) for number in range(1, 10_001))
    assert 2_300 < failed < 2_700


def test_two_seeds_and_two_operations_fail_at_different_calls() -> None:
    def failures(seed: int, call: Call) -> list[int]:
        rule = Rule("reset", seed=seed, probability=0.5)
        return [number for number in range(50) if rule.fires(call, number, 1)]

    assert failures(1, CALL) != failures(2, CALL)
    assert failures(1, CALL) != failures(1, CALL._replace(operation="GetObject"))


@pytest.mark.parametrize(
    ("members", "is_match"),
    [
        ({}, True),
        ({"side": "command"}, True),
        ({"service": "s3", "operation": "PutObject"}, True),
        ({"side": "lambda"}, False),
        ({"service": "dynamodb"}, False),
        ({"operation": "GetObject"}, False),
    ],
)
def test_a_rule_matches_the_calls_that_it_names(members: dict[str, str], is_match: bool) -> None:
    assert Rule("reset", **members).matches(CALL) == is_match  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"kind": "rain"},
        {"kind": "reset", "side": "moon"},
        {"kind": "reset", "service": ""},
        {"kind": "reset", "operation": 3},
        {"kind": "reset", "skip": -1},
        {"kind": "reset", "count": 0},
        {"kind": "reset", "count": True},
        {"kind": "reset", "seed": 1},
        {"kind": "reset", "probability": 0.5},
        {"kind": "reset", "seed": 1, "probability": 1.5},
        {"kind": "reset", "seed": True, "probability": 0.5},
        {"kind": "reset", "seed": 1, "probability": 0.5, "count": 1},
        {"record": True, "kind": "reset"},
    ],
)
def test_what_makes_no_sense_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(RuleError):
        parse(json.dumps(members).encode())


def test_a_recording_is_no_rule() -> None:
    assert parse(b'{"record": true}') is None
    with pytest.raises(RuleError):
        parse(b'{"record": false}')
