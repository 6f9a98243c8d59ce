"""The templates against the contract: retention, least privilege, limits of CloudFormation and of the functions."""

from __future__ import annotations

import json
import re
from typing import Any

import cfnlint.decode.cfn_yaml
import pytest

from scones.contract import layout
from scones.contract.layout import EVALUATIONS, RETENTION_DAYS, RETENTION_SECONDS
from scones.settings import Settings
from scones.steps import deploy
from scones.steps.account.package import template
from scones.workflow import clients

STORAGE: dict[str, Any] = cfnlint.decode.cfn_yaml.loads(template("storage"))
WORKFLOW: dict[str, Any] = cfnlint.decode.cfn_yaml.loads(template("workflow"))
# CloudFormation quotas: the template's size in a request.
MAX_TEMPLATE_BYTES = 51_200
FUNCTION = "AWS::Lambda::Function"
PREFIXES = {value for value in vars(layout).values() if isinstance(value, str) and re.fullmatch(r"[a-z]+/", value)}


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the workflow's resources of one type, by logical id."""
    found = WORKFLOW["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def statements(role: str) -> list[dict[str, Any]]:
    policies = WORKFLOW["Resources"][role]["Properties"]["Policies"]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


@pytest.mark.parametrize("name", ["storage", "workflow"])
def test_a_template_fits_into_a_request(name: str) -> None:
    assert len(template(name).encode()) < MAX_TEMPLATE_BYTES


def test_every_prefix_has_a_retention_time() -> None:
    assert set(RETENTION_DAYS) == PREFIXES


def test_the_bucket_deletes_what_the_contract_says_and_nothing_else() -> None:
    rules = STORAGE["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    # An expiration only hides a version; it is deleted `NoncurrentDays` later.
    days = {
        rule["Prefix"]: rule["ExpirationInDays"] + rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules
        if "ExpirationInDays" in rule
    }
    assert days == {prefix: kept for prefix, kept in RETENTION_DAYS.items() if kept is not None}
    assert max(days.values()) * 24 * 3600 == RETENTION_SECONDS


def test_every_log_group_has_a_retention_time_and_every_function_a_log_group() -> None:
    groups = resources("AWS::Logs::LogGroup").values()
    assert {group["RetentionInDays"] for group in groups} == {30}
    names = {group["LogGroupName"]["Fn::Sub"] for group in groups}
    functions = {function["FunctionName"]["Fn::Sub"] for function in resources(FUNCTION).values()}
    assert {f"/aws/lambda/{name}" for name in functions} < names
    assert "/aws/sagemaker/Endpoints/${Project}" in names


def test_only_evaluate_may_write_an_evaluation() -> None:
    writers = [
        role
        for role in resources("AWS::IAM::Role")
        for statement in statements(role)
        if "s3:PutObject" in statement["Action"] and EVALUATIONS in json.dumps(statement["Resource"])
    ]
    assert writers == ["EvaluateRole"]


def test_only_train_may_write_a_model() -> None:
    writers = [
        role
        for role in resources("AWS::IAM::Role")
        for statement in statements(role)
        if "s3:PutObject" in statement["Action"] and layout.MODELS in json.dumps(statement["Resource"])
    ]
    assert writers == ["TrainRole"]


def test_no_arn_is_bound_to_one_partition() -> None:
    assert "arn:aws:" not in template("workflow") + template("storage")


def test_every_alarm_reaches_a_topic_that_somebody_can_subscribe_to() -> None:
    subscribed = {name: found["TopicArn"] for name, found in resources("AWS::SNS::Subscription").items()}
    assert {topic["Ref"] for topic in subscribed.values()} == set(resources("AWS::SNS::Topic"))
    for alarm in resources("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] in [[topic] for topic in subscribed.values()]
    assert {WORKFLOW["Resources"][name]["Condition"] for name in subscribed} == {"HasAlertEmail", "HasReviewEmail"}


@pytest.mark.parametrize("machine", ["DeliveryMachine", "ReleaseMachine"])
def test_a_state_machine_calls_versions_that_outlive_an_update(machine: str) -> None:
    substitutions = WORKFLOW["Resources"][machine]["Properties"]["DefinitionSubstitutions"]
    functions = [value["Ref"] for name, value in substitutions.items() if name.endswith("Function")]
    assert functions
    for name in functions:
        version = WORKFLOW["Resources"][name]
        assert (version["Type"], version["UpdateReplacePolicy"]) == ("AWS::Lambda::Version", "Retain")
        function = WORKFLOW["Resources"][version["Properties"]["FunctionName"]["Ref"]]["Properties"]
        # A version is published only if the function differs from its last version.
        assert function["Environment"]["Variables"]["REVISION"] == version["Properties"]["Description"]


def referred(value: object) -> set[str]:
    """Return the names that a part of a template refers to."""
    if isinstance(value, dict):
        found = {value["Ref"]} if "Ref" in value else set()
        text = value.get("Fn::Sub")
        found |= set(re.findall(r"\$\{(\w+)\}", text)) if isinstance(text, str) else set()
        return found.union(*(referred(part) for part in value.values()))
    return set().union(*(referred(part) for part in value)) if isinstance(value, list) else set()


def test_the_revision_covers_every_parameter_of_a_function() -> None:
    names = referred(list(resources(FUNCTION).values()))
    names |= {condition["Fn::Equals"][0]["Ref"] for condition in [WORKFLOW["Conditions"]["IsServerless"]]}
    assert set(deploy.FUNCTION_PARAMETERS) == (names & set(WORKFLOW["Parameters"])) - {"Revision"}


def test_two_attempts_of_a_call_end_before_their_function() -> None:
    slow = {"ClassifyFunction": clients.ENDPOINT_READ_SECONDS}
    for name, function in resources(FUNCTION).items():
        if name != "FilterFunction":
            seconds = slow.get(name, clients.READ_SECONDS)
            assert 2 * (clients.CONNECT_SECONDS + seconds) < function["Timeout"], name


@pytest.mark.parametrize("document", [STORAGE, WORKFLOW])
def test_a_project_name_means_the_same_in_the_templates_and_in_the_settings(document: dict[str, Any]) -> None:
    parameter = document["Parameters"]["Project"]
    for name in ("scones", "a-b", "ab", "a--b", "-ab", "ab-", "a" * 26, "a" * 27, "aB", "1ab", "a1-2b"):
        is_valid = bool(re.fullmatch(parameter["AllowedPattern"], name))
        is_valid &= parameter["MinLength"] <= len(name) <= parameter["MaxLength"]
        try:
            accepted = Settings(project=name).project == name
        except ValueError:
            accepted = False
        assert accepted == is_valid, name
