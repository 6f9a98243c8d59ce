import json
from collections.abc import Callable
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/any"
PREFIX = "us-east-1:000000000000"


def received(sqs: Any, url: str) -> dict[str, Any] | None:
    answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], WaitTimeSeconds=2)
    return next(map(dict, answer.get("Messages", ())), None)


@pytest.mark.parametrize(
    "target",
    [
        f"states:{PREFIX}:stateMachine:gone",
        f"lambda:{PREFIX}:function:gone",
        f"sqs:{PREFIX}:gone",
        f"sns:{PREFIX}:gone",
    ],
)
def test_an_event_whose_target_is_gone_lands_in_the_targets_queue(
    localaws: Any, eventually: Callable[..., Any], target: str
) -> None:
    sqs, events = localaws.client("sqs"), localaws.client("events")
    name = target.partition(":")[0]
    url = sqs.create_queue(QueueName=f"dead-{name}")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name=f"dead-{name}", EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    gone = {"Id": "1", "Arn": f"arn:aws:{target}", "RoleArn": ROLE, "DeadLetterConfig": {"Arn": queue}}
    events.put_targets(Rule=f"dead-{name}", Targets=[gone])
    events.put_events(Entries=[{"Source": name, "DetailType": "Toy", "Detail": '{"a": 1}'}])
    message = eventually(lambda: received(sqs, url))
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert attributes.pop("ERROR_MESSAGE")
    assert attributes == {"RULE_ARN": rule, "TARGET_ARN": gone["Arn"], "ERROR_CODE": "NO_RESOURCE"}


def test_an_event_whose_target_is_there_does_not(localaws: Any, eventually: Callable[..., Any]) -> None:
    sqs, events = localaws.client("sqs"), localaws.client("events")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("alive", "unused")]
    events.put_rule(Name="alive", EventPattern=json.dumps({"source": ["alive"]}))
    target = {
        "Id": "1",
        "Arn": f"arn:aws:sqs:{PREFIX}:alive",
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{PREFIX}:unused"},
    }
    events.put_targets(Rule="alive", Targets=[target])
    events.put_events(Entries=[{"Source": "alive", "DetailType": "Toy", "Detail": "{}"}])
    assert json.loads(eventually(lambda: received(sqs, urls[0]))["Body"])["source"] == "alive"
    assert "Messages" not in sqs.receive_message(QueueUrl=urls[1])
