"""Clients that know nothing of localaws: the AWS CLI, and the same calls against moto as a second witness."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

AWS = Path(sys.executable).with_name("aws")
ROLE = "arn:aws:iam::000000000000:role/any"


def aws(url: str, *arguments: str) -> str:
    environment = {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    done = subprocess.run([str(AWS), *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not AWS.exists(), reason="the AWS CLI is not installed")
def test_the_aws_cli_works_with_nothing_but_an_address(
    localaws: Any, tmp_path: Path, make_function: Callable[..., str]
) -> None:
    (tmp_path / "in").write_text("hello")
    aws(localaws.url, "s3", "mb", "s3://from-the-cli")
    aws(localaws.url, "s3", "cp", str(tmp_path / "in"), "s3://from-the-cli/a/b")
    aws(localaws.url, "s3", "cp", "s3://from-the-cli/a/b", str(tmp_path / "out"))
    assert (tmp_path / "out").read_text() == "hello"
    name = make_function("def handler(event, context):\n  return event['n'] + 1")
    payload = (
        ("--cli-binary-format", "raw-in-base64-out", "--payload", '{"n": 1}')
        if version() > 1
        else ("--payload", '{"n": 1}')
    )
    aws(localaws.url, "lambda", "invoke", "--function-name", name, *payload, str(tmp_path / "answer"))
    assert (tmp_path / "answer").read_text() == "2"
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    created = ("stepfunctions", "create-state-machine", "--name", "cli", "--definition", definition, "--role-arn", ROLE)
    arn = json.loads(aws(localaws.url, *created))["stateMachineArn"]
    assert "executionArn" in aws(localaws.url, "stepfunctions", "start-execution", "--state-machine-arn", arn)


def version() -> int:
    done = subprocess.run([str(AWS), "--version"], capture_output=True, text=True, check=True)
    return int(done.stdout.partition("/")[2].partition(".")[0])


@pytest.fixture(params=["localaws", "moto"])
def client(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Any]]:
    """Makes boto3 clients of localaws, and of moto."""
    if request.param == "localaws":
        yield request.getfixturevalue("localaws").client
        return
    from moto import mock_aws

    settings = {"stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=settings):  # type: ignore[typeddict-item]
        yield lambda service: boto3.client(
            service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )


def test_objects_and_items_behave_alike(client: Callable[[str], Any]) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="witnessed")
    s3.put_object(Bucket="witnessed", Key="data/a b.png", Body=b"1", ContentType="image/png", Metadata={"k": "v"})
    found = s3.get_object(Bucket="witnessed", Key="data/a b.png")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"1", "image/png", {"k": "v"})
    listed = s3.list_objects_v2(Bucket="witnessed", Prefix="data/")["Contents"]
    assert [(item["Key"], item["Size"]) for item in listed] == [("data/a b.png", 1)]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="witnessed", Key="missing")
    dynamodb = client("dynamodb")
    key = {"AttributeName": "k", "KeyType": "HASH"}
    attribute = {"AttributeName": "k", "AttributeType": "S"}
    dynamodb.create_table(
        TableName="witnessed", KeySchema=[key], AttributeDefinitions=[attribute], BillingMode="PAY_PER_REQUEST"
    )
    put = {"TableName": "witnessed", "Item": {"k": {"S": "1"}}, "ConditionExpression": "attribute_not_exists(k)"}
    dynamodb.put_item(**put)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.put_item(**put)


def test_a_transaction_is_all_or_nothing_and_says_why(client: Callable[[str], Any]) -> None:
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "state", "at")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-state",
                "KeySchema": [
                    {"AttributeName": "state", "KeyType": "HASH"},
                    {"AttributeName": "at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for name, at in (("a", "1"), ("b", "2")):
        dynamodb.put_item(TableName="orders", Item={"id": {"S": name}, "state": {"S": "open"}, "at": {"S": at}})

    def still_open(before: str) -> list[str]:
        found = dynamodb.query(
            TableName="orders",
            IndexName="by-state",
            KeyConditionExpression="#s = :open AND #a < :before",
            ExpressionAttributeNames={"#s": "state", "#a": "at"},
            ExpressionAttributeValues={":open": {"S": "open"}, ":before": {"S": before}},
        )
        return [item["id"]["S"] for item in found["Items"]]

    arrival = {"TableName": "orders", "Item": {"id": {"S": "arrival"}}}
    take = {
        "TableName": "orders",
        "Key": {"id": {"S": "a"}},
        "UpdateExpression": "SET #s = :taken",
        "ConditionExpression": "#s = :open",
        "ExpressionAttributeNames": {"#s": "state"},
        "ExpressionAttributeValues": {":taken": {"S": "taken"}, ":open": {"S": "open"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    assert (still_open("2"), still_open("3")) == (["a"], ["a", "b"])
    dynamodb.transact_write_items(TransactItems=[{"Update": take}])
    assert still_open("3") == ["b"]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as cancelled:
        dynamodb.transact_write_items(TransactItems=[{"Put": arrival}, {"Update": take}])
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert reasons[1]["Item"]["state"] == {"S": "taken"}
    assert "Item" not in dynamodb.get_item(TableName="orders", Key=arrival["Item"])


def test_a_choice_takes_the_same_way(client: Callable[[str], Any], eventually: Callable[..., Any]) -> None:
    choice = {"Variable": "$.n", "NumericGreaterThan": 2, "Next": "Many"}
    states = {
        "Look": {"Type": "Choice", "Choices": [choice], "Default": "Few"},
        "Many": {"Type": "Pass", "Parameters": {"said.$": "States.Format('{} is many', $.n)"}, "End": True},
        "Few": {"Type": "Fail", "Error": "TooFew", "Cause": "not enough"},
    }
    machines = client("stepfunctions")
    definition = json.dumps({"StartAt": "Look", "States": states})
    arn = machines.create_state_machine(name="witnessed", definition=definition, roleArn=ROLE)["stateMachineArn"]
    started = [start(machines, arn, {"n": n}) for n in (3, 1)]
    many, few = (eventually(partial(ended, machines, execution)) for execution in started)
    assert (many["status"], json.loads(many["output"])) == ("SUCCEEDED", {"said": "3 is many"})
    assert (few["status"], few["error"], few["cause"]) == ("FAILED", "TooFew", "not enough")


def start(machines: Any, arn: str, data: object) -> str:
    # moto gives all executions without a name the same one.
    started = machines.start_execution(stateMachineArn=arn, name=uuid.uuid4().hex, input=json.dumps(data))
    return str(started["executionArn"])


def ended(machines: Any, execution: str) -> dict[str, Any] | None:
    described = machines.describe_execution(executionArn=execution)
    return dict(described) if described["status"] != "RUNNING" else None
