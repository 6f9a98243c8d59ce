"""What the two ASL files promise: names that exist, retries only for what is worth it, no path without an outcome."""

import importlib
import json
import re
from pathlib import Path
from typing import Any, get_args

import cfnlint.decode.cfn_yaml
import pytest
from cfnlint.api import lint

from scones import errors
from scones.contract.delivery import Outcome
from scones.contract.layout import IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES
from scones.settings import Settings
from scones.steps.account.package import state_machine, template

MACHINES = ("delivery", "release")
# Errors that Step Functions, Lambda's integration and boto3 raise themselves.
AWS_ERRORS = re.compile(r"(States|Lambda|Runtime|Sandbox|DynamoDB|ApplicationAutoScaling)\.\w+|ClientError")


def machine(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(state_machine(name))
    return found


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    found: dict[str, Any] = cfnlint.decode.cfn_yaml.loads(template("workflow"))["Resources"]
    return found


def rules(name: str, field: str) -> list[tuple[str, dict[str, Any]]]:
    return [(state, rule) for state, found in machine(name)["States"].items() for rule in found.get(field, [])]


@pytest.mark.parametrize("name", MACHINES)
def test_no_name_stands_twice_where_readers_would_drop_the_first(name: str) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), [key for key, _ in pairs]
        return dict(pairs)

    json.loads(state_machine(name), object_pairs_hook=unique)


def test_a_registered_model_says_what_its_endpoint_takes_and_answers() -> None:
    registered = machine("release")["States"]["Register"]["Arguments"]["InferenceSpecification"]
    assert registered["SupportedContentTypes"] == [*IMAGE_TYPES, JSON_LINES]
    assert registered["SupportedResponseMIMETypes"] == [JSON, INFERENCE_JSON, JSON_LINES]


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("field", ["Retry", "Catch"])
def test_every_error_that_is_matched_is_an_exception_that_exists(name: str, field: str) -> None:
    for state, rule in rules(name, field):
        for error in rule["ErrorEquals"]:
            assert AWS_ERRORS.fullmatch(error) or hasattr(errors, error), f"{name}.{state}: {error}"


@pytest.mark.parametrize("name", MACHINES)
def test_every_retry_backs_off_with_jitter_and_none_repeats_what_cannot_succeed(name: str) -> None:
    for state, rule in rules(name, "Retry"):
        if rule["ErrorEquals"] == ["NoOrderAvailable"]:
            continue  # Who stands in line asks at a steady pace.
        assert (rule["BackoffRate"], rule["JitterStrategy"]) == (2, "FULL"), f"{name}.{state}"
        assert not {"States.ALL", "ImageRejectedError", "ImageNotFoundError"} & set(rule["ErrorEquals"])


@pytest.mark.parametrize("name", MACHINES)
def test_every_substitution_is_given_by_the_template(name: str, workflow: dict[str, Any]) -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", state_machine(name).decode()))
    assert wanted == set(workflow[f"{name.title()}Machine"]["Properties"]["DefinitionSubstitutions"])


def test_every_function_of_the_template_has_a_handler(workflow: dict[str, Any]) -> None:
    handlers = [r["Properties"]["Handler"] for r in workflow.values() if r["Type"] == "AWS::Lambda::Function"]
    assert len(handlers) == 7
    for handler in handlers:
        module, _, function = handler.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_delivery_ends_recorded() -> None:
    states = machine("delivery")["States"]
    assert [name for name, state in states.items() if state["Type"] in ("Succeed", "Fail")] == [
        "Delivered",
        "DeliveryFailed",
    ]
    reaching = {name for name, state in states.items() if state.get("Next") == "Record"}
    outcomes = {name: re.findall(r"'outcome': '(\w+)'", states[name]["Output"]) for name in reaching}
    assert sorted(outcome for (outcome,) in outcomes.values()) == sorted(get_args(Outcome))
    for name in ("Serialize", "Claim", "Classify", "Filter", "Review", "Dispatch"):
        caught = states[name]["Catch"]
        assert caught[-1]["ErrorEquals"] == ["States.ALL"]
        assert {rule["Next"] for rule in caught} <= reaching | {"Review", "Repeat"}


def test_a_delivery_waits_for_a_person_and_in_line_within_its_own_time() -> None:
    delivery = machine("delivery")
    (line,) = [rule for _, rule in rules("delivery", "Retry") if rule["ErrorEquals"] == ["NoOrderAvailable"]]
    most = Settings.model_fields["review_minutes"].metadata[1].le * 60
    assert most + line["IntervalSeconds"] * line["MaxAttempts"] < delivery["TimeoutSeconds"]


def test_the_token_is_given_to_the_review_function_alone() -> None:
    states = machine("delivery")["States"]
    assert [name for name, state in states.items() if "Task.Token" in json.dumps(state)] == ["Review"]
    assert "token" not in states["Review"]["Output"]


def test_nothing_is_deployed_before_the_gate() -> None:
    states = machine("release")["States"]
    before, at = [], "Train"
    while at != "Gate":
        before.append(at)
        at = states[at]["Next"]
    assert before == ["Train", "Evaluate"]
    assert states["Gate"]["Next"] == "Register"


@pytest.mark.parametrize("name", MACHINES)
def test_cfn_lint_finds_nothing_in_the_state_machine(name: str, tmp_path: Path) -> None:
    # cfn-lint does not know that TimeoutSeconds may be an expression.
    definition = state_machine(name).decode().replace('"{% ${ReviewSeconds} %}"', "900")
    definition = re.sub(r"\$\{\w+\}", "1024", definition)
    properties = {"RoleArn": "arn:aws:iam::111122223333:role/r", "DefinitionString": definition}
    found = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    assert lint(json.dumps(found), regions=["us-east-1"]) == []
