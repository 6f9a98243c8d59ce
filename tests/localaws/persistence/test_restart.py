"""What was acknowledged is there after kill -9, and nothing that ran is left behind."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/kept"
TABLE = {
    "TableName": "kept",
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def code(returned: str = "__import__('os').getpid()") -> bytes:
    """Return the deployment package of a function that returns the value of an expression."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("app.py", f"def handler(event, context):\n  return {returned}")
    return file.getvalue()


def fill(server: Any) -> None:
    server.client("iam").create_role(RoleName="kept", AssumeRolePolicyDocument="{}")
    s3 = server.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket="kept", NotificationConfiguration={"EventBridgeConfiguration": {}})
    for body in (b"first", b"second"):
        s3.put_object(Bucket="kept", Key="a/b", Body=body, ContentType="image/png", Metadata={"who": "me"})
    dynamodb = server.client("dynamodb")
    dynamodb.create_table(**TABLE)
    for key in ("put", "deleted", "updated"):
        dynamodb.put_item(TableName="kept", Item={"k": {"S": key}})
    dynamodb.delete_item(TableName="kept", Key={"k": {"S": "deleted"}})
    update = {"UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"N": "7"}}}
    dynamodb.update_item(TableName="kept", Key={"k": {"S": "updated"}}, **update)
    logs = server.client("logs")
    logs.create_log_group(logGroupName="kept")
    logs.create_log_stream(logGroupName="kept", logStreamName="s")
    now = int(time.time() * 1000)
    for batch in (("one", "two"), ("three",)):
        events = [{"timestamp": now, "message": message} for message in batch]
        logs.put_log_events(logGroupName="kept", logStreamName="s", logEvents=events)


def start_waiting(server: Any) -> str:
    definition = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
    states = server.client("stepfunctions")
    machine = states.create_state_machine(name="kept", definition=definition, roleArn=ROLE)["stateMachineArn"]
    return str(states.start_execution(stateMachineArn=machine, input='{"a": 1}')["executionArn"])


def start_function(server: Any) -> int:
    client = server.client("lambda")
    settings = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler", "Timeout": 60}
    client.create_function(FunctionName="kept", Code={"ZipFile": code()}, **settings)
    return int(client.invoke(FunctionName="kept")["Payload"].read())


def test_nothing_acknowledged_is_lost_to_kill_9(
    start_localaws: Callable[..., Any], tmp_path: Path, ended: Callable[[int], bool]
) -> None:
    with start_localaws(tmp_path / "state") as server:
        fill(server)
        pid = start_function(server)
        execution = start_waiting(server)
        server.process.kill()
        server.wait()
    assert ended(pid)
    with start_localaws(tmp_path / "state") as server:
        check_stores(server)
        assert int(server.client("lambda").invoke(FunctionName="kept")["Payload"].read()) != pid
        stopped = server.client("stepfunctions").describe_execution(executionArn=execution)
        assert (stopped["status"], stopped["error"]) == ("FAILED", "States.Runtime")
        assert "server stopped" in stopped["cause"]
        assert stopped["input"] == '{"a": 1}'


def check_stores(server: Any) -> None:
    assert server.client("iam").get_role(RoleName="kept")["Role"]["Arn"] == ROLE
    s3 = server.client("s3")
    found = s3.get_object(Bucket="kept", Key="a/b")
    assert (found["Body"].read(), found["ContentType"], found["Metadata"]) == (b"second", "image/png", {"who": "me"})
    versions = s3.list_object_versions(Bucket="kept")["Versions"]
    bodies = {s3.get_object(Bucket="kept", Key="a/b", VersionId=v["VersionId"])["Body"].read() for v in versions}
    assert bodies == {b"first", b"second"}
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket="kept")
    items = server.client("dynamodb").scan(TableName="kept")["Items"]
    assert sorted(items, key=lambda item: item["k"]["S"]) == [
        {"k": {"S": "put"}},
        {"k": {"S": "updated"}, "v": {"N": "7"}},
    ]
    events = server.client("logs").get_log_events(logGroupName="kept", logStreamName="s", startFromHead=True)["events"]
    assert [event["message"] for event in events] == ["one", "two", "three"]


def test_a_published_version_keeps_its_code_after_kill_9(start_localaws: Callable[..., Any], tmp_path: Path) -> None:
    settings = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler", "Timeout": 60}
    with start_localaws(tmp_path / "state") as server:
        client = server.client("lambda")
        client.create_function(FunctionName="kept", Code={"ZipFile": code("1")}, Publish=True, **settings)
        client.create_alias(FunctionName="kept", Name="live", FunctionVersion="1")
        client.update_function_code(FunctionName="kept", ZipFile=code("2"), Publish=True)
        server.process.kill()
        server.wait()
    with start_localaws(tmp_path / "state") as server:
        client = server.client("lambda")
        names = ("kept:1", "kept:2", "kept:live", "kept")
        answers = [int(client.invoke(FunctionName=name)["Payload"].read()) for name in names]
    assert answers == [1, 2, 1, 2]


def test_what_was_deleted_stays_deleted(start_localaws: Callable[..., Any], tmp_path: Path) -> None:
    with start_localaws(tmp_path / "state") as server:
        fill(server)
        server.client("dynamodb").delete_table(TableName="kept")
        server.client("logs").delete_log_stream(logGroupName="kept", logStreamName="s")
        server.client("iam").delete_role(RoleName="kept")
        server.process.kill()
        server.wait()
    with start_localaws(tmp_path / "state") as server:
        assert server.client("dynamodb").list_tables()["TableNames"] == []
        assert server.client("logs").describe_log_streams(logGroupName="kept")["logStreams"] == []
        with pytest.raises(ClientError, match="NoSuchEntity"):
            server.client("iam").get_role(RoleName="kept")


def test_the_history_of_what_ended_is_the_same_before_and_after_a_restart(
    start_localaws: Callable[..., Any], tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "E"}, "E": {"Type": "Succeed"}}}
    with start_localaws(tmp_path / "state") as server:
        states = server.client("stepfunctions")
        machine = states.create_state_machine(name="m", definition=json.dumps(definition), roleArn=ROLE)
        execution = states.start_execution(stateMachineArn=machine["stateMachineArn"], input='{"a": 1}')["executionArn"]
        eventually(lambda: states.describe_execution(executionArn=execution)["status"] != "RUNNING")
        before = states.get_execution_history(executionArn=execution)["events"]
        server.process.terminate()
        server.wait()
    with start_localaws(tmp_path / "state") as server:
        after = server.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    assert [event["type"] for event in before][-1] == "ExecutionSucceeded"
    assert after == before


def test_a_server_that_is_asked_to_stop_leaves_nothing_running(
    start_localaws: Callable[..., Any], tmp_path: Path, ended: Callable[[int], bool]
) -> None:
    with start_localaws(tmp_path / "state") as server:
        pid = start_function(server)
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.terminate()
        assert server.wait() == 0
    assert ended(pid)
    assert all(ended(child.pid) for child in children)
    assert not (tmp_path / "state" / "server.json").exists()


def test_a_task_that_waited_for_an_answer_fails_with_its_execution_and_eventbridge_says_so(
    start_localaws: Callable[..., Any], tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    message = {"QueueUrl": "{% $states.input %}", "MessageBody": "{% $states.context.Task.Token %}"}
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    ask = {"Type": "Task", "Resource": resource, "Arguments": message, "End": True}
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": ask}})

    def received(server: Any, queue: str) -> list[str]:
        answer = server.client("sqs").receive_message(QueueUrl=queue_url(server, queue), MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", ())]

    with start_localaws(tmp_path / "state") as server:
        watch_status(server)
        states = server.client("stepfunctions")
        server.client("sqs").create_queue(QueueName="tokens")
        machine = states.create_state_machine(name="asks", definition=definition, roleArn=ROLE)["stateMachineArn"]
        asking = json.dumps(queue_url(server, "tokens"))
        execution = states.start_execution(stateMachineArn=machine, input=asking)["executionArn"]
        (token,) = eventually(lambda: received(server, "tokens"))
        server.process.kill()
        server.wait()
    for expected in ([execution], []):
        # The second restart has nothing to say about an execution that failed at the first.
        with start_localaws(tmp_path / "state") as server:
            failed = [json.loads(event)["detail"] for event in received(server, "statuses")]
            assert [detail["executionArn"] for detail in failed if detail["status"] == "FAILED"] == expected
            states = server.client("stepfunctions")
            with pytest.raises(states.exceptions.TaskTimedOut):
                states.send_task_success(taskToken=token, output="{}")
            history = states.get_execution_history(executionArn=execution)["events"]
            assert [event["type"] for event in history].count("ExecutionFailed") == 1
            server.client("sqs").purge_queue(QueueUrl=queue_url(server, "statuses"))


def queue_url(server: Any, name: str) -> str:
    return str(server.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def watch_status(server: Any) -> None:
    """Send each change of an execution's status to the queue `statuses`."""
    server.client("sqs").create_queue(QueueName="statuses")
    pattern = {"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"]}
    events = server.client("events")
    events.put_rule(Name="statuses", EventPattern=json.dumps(pattern))
    arn = "arn:aws:sqs:us-east-1:000000000000:statuses"
    events.put_targets(Rule="statuses", Targets=[{"Id": "queue", "Arn": arn}])
