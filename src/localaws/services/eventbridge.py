"""EventBridge as on AWS: an event whose target does not exist goes to the target's dead-letter queue, and delivered
events are not kept.

ministack drops the former, and keeps every event for ever in a list that nothing reads. No other failure is possible
here: no target refuses or throttles what EventBridge sends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import eventbridge, lambda_svc, sns, sqs, stepfunctions

_invoke = eventbridge._invoke_target

# Service in the target's ARN -> the function that returns something true if the target exists.
_FINDERS: dict[str, Callable[[str], object]] = {
    "states": stepfunctions._resolve_state_machine_arn,
    "lambda": lambda arn: lambda_svc._get_func_record_for_ref(arn)[0],
    "sqs": sqs._queue_by_arn,
    "sns": sns._topics.get,
}


def install() -> None:
    """Look for a target before ministack sends to it, and keep no list of events."""
    eventbridge._invoke_target = invoke_target
    eventbridge._events_log_list = list


def invoke_target(
    target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: object = None
) -> None:
    """Send an event to a target of a rule, or to the target's dead-letter queue if the target does not exist.

    `view` is ministack's parsed form of the event, if the caller has it.
    """
    arn = target.get("Arn", "")
    queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
    find = _FINDERS.get(arn.split(":")[2]) if arn.count(":") > 2 else None
    if queue_arn and find and not find(arn):
        parsed: Any = view or eventbridge._pattern_event_view(event)
        _send(queue_arn, json.dumps(parsed.event_with_detail()), rule["Arn"], arn)
    else:
        _invoke(target, event, rule, view)


def _send(queue_arn: str, body: str, rule_arn: str, target_arn: str) -> None:
    queue = sqs._queue_by_arn(queue_arn)
    # As on AWS, the event is lost if its dead-letter queue does not exist either.
    if queue is None:
        return
    attributes = {
        "RULE_ARN": rule_arn,
        "TARGET_ARN": target_arn,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": f"{target_arn} does not exist.",
    }
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    sqs._act_send_message({"MessageBody": body, "MessageAttributes": typed}, queue["url"])
