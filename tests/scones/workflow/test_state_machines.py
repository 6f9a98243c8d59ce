"""The state machines: names that exist, retries only of transient errors, an outcome on every path."""

import importlib
import json
import re
from pathlib import Path
from typing import Any, get_args

import cfnlint.decode.cfn_yaml
import pytest
from cfnlint.api import lint
from jsonata import Jsonata

from localaws.services.stepfunctions.timing import delay_seconds
from scones import errors
from scones.contract.delivery import Outcome
from scones.contract.layout import IMAGE_TYPES, INFERENCE_JSON, JSON, JSON_LINES, MACHINES
from scones.settings import Settings
from scones.steps.account.package import state_machine, template

# Errors that Step Functions and its integrations raise themselves.
AWS_ERRORS = re.compile(r"(States|Lambda|Runtime|Sandbox|DynamoDB|SageMaker|StepFunctions|ApplicationAutoScaling)\.\w+")

# The name of a service in the errors of its integrations.
SERVICES = {
    "sagemaker": "SageMaker",
    "lambda": "Lambda",
    "dynamodb": "DynamoDB",
    "states": "StepFunctions",
    "applicationautoscaling": "ApplicationAutoScaling",
}
# Step Functions ends an execution whose history has more events.
MAX_EVENTS = 25_000


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
def test_no_object_has_a_duplicate_key(name: str) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), [key for key, _ in pairs]
        return dict(pairs)

    json.loads(state_machine(name), object_pairs_hook=unique)


def test_a_registered_model_lists_the_content_types_of_its_endpoint() -> None:
    registered = machine("release")["States"]["Register"]["Arguments"]["InferenceSpecification"]
    assert registered["SupportedContentTypes"] == [*IMAGE_TYPES, JSON_LINES]
    assert registered["SupportedResponseMIMETypes"] == [JSON, INFERENCE_JSON, JSON_LINES]


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("field", ["Retry", "Catch"])
def test_every_matched_error_exists(name: str, field: str) -> None:
    for state, rule in rules(name, field):
        for error in rule["ErrorEquals"]:
            assert AWS_ERRORS.fullmatch(error) or hasattr(errors, error), f"{name}.{state}: {error}"


@pytest.mark.parametrize("name", MACHINES)
def test_retries_back_off_with_jitter_and_match_only_transient_errors(name: str) -> None:
    for state, rule in rules(name, "Retry"):
        # A driver in the queue asks at a constant rate, and an error with no attempts is not retried.
        if rule["ErrorEquals"] in (["NoOrderAvailable"], ["EventError"]):
            continue
        jitter = "NONE" if rule["ErrorEquals"] == ["EndpointUnavailableError"] else "FULL"
        assert (rule["BackoffRate"], rule["JitterStrategy"]) == (2, jitter), f"{name}.{state}"
        assert state == "Record" or "States.ALL" not in rule["ErrorEquals"]
        domain = {error for error in rule["ErrorEquals"] if hasattr(errors, error)}
        assert domain <= {"ServiceUnavailableError", "EndpointUnavailableError", "DispatchConflictError"}, state


def test_an_endpoint_is_asked_again_for_five_minutes_without_a_burst() -> None:
    (rule,) = [rule for _, rule in rules("delivery", "Retry") if rule["ErrorEquals"] == ["EndpointUnavailableError"]]
    delays = [delay_seconds(rule, retries, share=0) for retries in range(rule["MaxAttempts"])]
    assert min(delays) >= 2
    assert sum(delays) >= 300


def test_every_function_retries_the_transient_errors_of_its_own_calls() -> None:
    for name in MACHINES:
        for state, found in machine(name)["States"].items():
            if ":lambda:invoke" in found.get("Resource", ""):
                matched = {error for rule in found["Retry"] for error in rule["ErrorEquals"]}
                assert {"ServiceUnavailableError", "Lambda.ClientExecutionTimeoutException"} <= matched, state


def test_record_retries_every_error_but_that_of_its_input() -> None:
    retriers = machine("delivery")["States"]["Record"]["Retry"]
    assert retriers[-2] == {"ErrorEquals": ["EventError"], "MaxAttempts": 0}
    assert retriers[-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", MACHINES)
def test_no_resource_is_bound_to_one_partition(name: str) -> None:
    assert "arn:aws:" not in state_machine(name).decode()


@pytest.mark.parametrize("name", MACHINES)
def test_the_template_defines_every_substitution(name: str, workflow: dict[str, Any]) -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", state_machine(name).decode()))
    assert wanted == set(workflow[f"{name.title()}Machine"]["Properties"]["DefinitionSubstitutions"])


def test_every_function_of_the_template_has_a_handler(workflow: dict[str, Any]) -> None:
    handlers = [r["Properties"]["Handler"] for r in workflow.values() if r["Type"] == "AWS::Lambda::Function"]
    assert len(handlers) == 7
    for handler in handlers:
        module, _, function = handler.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_delivery_ends_with_a_recorded_outcome() -> None:
    states = machine("delivery")["States"]
    assert [name for name, state in states.items() if state["Type"] in ("Succeed", "Fail")] == [
        "Delivered",
        "DeliveryFailed",
    ]
    reaching = {name for name, state in states.items() if state.get("Next") == "Record"}
    outcomes = {name: re.findall(r"'outcome': '(\w+)'", states[name]["Output"]) for name in reaching}
    assert sorted(outcome for (outcome,) in outcomes.values()) == sorted(get_args(Outcome))
    for name in ("Serialize", "Claim", "FindClaim", "ClaimNewVisit", "Classify", "Filter", "Review", "Dispatch"):
        caught = states[name]["Catch"]
        assert caught[-1]["ErrorEquals"] == ["States.ALL"]
        assert {rule["Next"] for rule in caught} <= reaching | {"Review", "FindClaim"}


def test_review_and_queue_fit_into_the_timeout_of_a_delivery() -> None:
    delivery = machine("delivery")
    (queue,) = [rule for _, rule in rules("delivery", "Retry") if rule["ErrorEquals"] == ["NoOrderAvailable"]]
    max_review_seconds = Settings.model_fields["review_minutes"].metadata[1].le * 60
    assert max_review_seconds + queue["IntervalSeconds"] * queue["MaxAttempts"] < delivery["TimeoutSeconds"]


def test_only_the_review_function_gets_the_task_token() -> None:
    states = machine("delivery")["States"]
    assert [name for name, state in states.items() if "Task.Token" in json.dumps(state)] == ["Review"]
    assert "token" not in states["Review"]["Output"]


def test_a_release_has_its_five_steps_in_order() -> None:
    states = machine("release")["States"]
    order = ["Train"]
    while "Next" in states[order[-1]]:
        order.append(states[order[-1]]["Next"])
    assert order == ["Train", "Evaluate", "Gate", "Register", "Deploy", "Released"]


@pytest.mark.parametrize(("job", "stop"), [("Train", "StopTraining"), ("Evaluate", "StopEvaluation")])
def test_a_job_whose_start_was_answered_too_late_is_stopped(job: str, stop: str) -> None:
    states = machine("release")["States"]
    (first, last) = states[job]["Catch"]
    assert (first["ErrorEquals"], first["Next"]) == (["SageMaker.ResourceInUseException"], stop)
    assert states[stop]["Resource"].endswith(states[job]["Resource"].split(":create")[1].replace(".sync", ""))
    assert {last["Next"]} == {states[stop]["Next"]} == {rule["Next"] for rule in states[stop]["Catch"]}


@pytest.mark.parametrize("name", MACHINES)
def test_every_task_retries_the_transient_errors_of_its_service(name: str) -> None:
    for state, found in machine(name)["States"].items():
        if found["Type"] != "Task":
            continue
        service = SERVICES[re.sub(r"^aws-sdk:(\w+):.*|^(\w+):.*", r"\1\2", found["Resource"].split(":::")[1])]
        matched = {error for rule in found["Retry"] for error in rule["ErrorEquals"]}
        assert any(error.startswith(f"{service}.") for error in matched), f"{name}.{state}"


def test_tasks_of_one_integration_retry_aws_errors_alike() -> None:
    retries: dict[str, set[str]] = {}
    for name in MACHINES:
        for found in machine(name)["States"].values():
            if found["Type"] == "Task":
                kind = re.sub(r"(.+:).*", r"\1", found["Resource"].split(":::")[1])
                retries.setdefault(kind, set()).add(json.dumps(aws_retries(found)))
    assert {kind: len(lists) for kind, lists in retries.items()} == dict.fromkeys(retries, 1)


def aws_retries(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a task's retriers of AWS's own errors, without the error classes of our handlers."""
    rules = [
        {**rule, "ErrorEquals": [error for error in rule["ErrorEquals"] if AWS_ERRORS.fullmatch(error)]}
        for rule in task["Retry"]
        # Only Record has one, because nothing after it could record a failure.
        if rule["ErrorEquals"] != ["States.ALL"]
    ]
    return [rule for rule in rules if rule["ErrorEquals"]]


def test_a_wait_of_two_hours_stays_below_the_limit_of_events() -> None:
    wait = machine("deploy")["States"]["WaitForEndpoint"]
    (seconds,) = machine("deploy")["States"]["CreateEndpointConfig"]["Assign"].values()
    waited = 0
    rounds = 0
    while waited < 2 * 3600:
        waited += seconds
        rounds += 1
        expression = wait["Assign"]["wait_seconds"].strip("{}% ").replace("$wait_seconds", str(seconds))
        seconds = Jsonata(expression).evaluate(None)
    # A round enters and leaves three states and its task is scheduled, started and ended.
    assert rounds * 9 < MAX_EVENTS / 10


@pytest.mark.parametrize("name", MACHINES)
def test_cfn_lint_has_no_findings(name: str, tmp_path: Path) -> None:
    # cfn-lint does not know that TimeoutSeconds may be an expression.
    definition = state_machine(name).decode().replace('"{% ${ReviewSeconds} %}"', "900")
    definition = re.sub(r"\$\{\w+\}", "1024", definition.replace("${Partition}", "aws"))
    properties = {"RoleArn": "arn:aws:iam::111122223333:role/r", "DefinitionString": definition}
    found = {"Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    assert lint(json.dumps(found), regions=["us-east-1"]) == []
