"""EventBridge as on AWS: an event whose target is not there goes to the dead-letter queue that the target names, and
one that was handed on is not kept.

ministack drops the first, and keeps every event for ever in a list that nobody reads. Nothing else can fail here: no
target refuses or throttles what EventBridge sends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import eventbridge, lambda_svc, sns, sqs, stepfunctions

_invoke = eventbridge._invoke_target

_FINDERS: dict[str, Callable[[str], object]] = {
    "states": stepfunctions._resolve_state_machine_arn,
    "lambda": lambda arn: lambda_svc._get_func_record_for_ref(arn)[0],
    "sqs": sqs._queue_by_arn,
    "sns": sns._topics.get,
}


def install() -> None:
    """Look for a target before the engine sends to it, and keep no list of events."""
    eventbridge._invoke_target = invoke_target
    eventbridge._events_log_list = list


def invoke_target(
    target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None
) -> None:
    """Send an event to a target, or to its dead-letter queue."""
    arn, queue = target.get("Arn", ""), target.get("DeadLetterConfig", {}).get("Arn")
    find = _FINDERS.get(arn.split(":")[2]) if arn.count(":") > 2 else None
    if queue and find and not find(arn):
        view = view or eventbridge._pattern_event_view(event)
        _send(queue, json.dumps(view.event_with_detail()), rule["Arn"], arn)
    else:
        _invoke(target, event, rule, view)


def _send(queue_arn: str, body: str, rule_arn: str, target_arn: str) -> None:
    queue = sqs._queue_by_arn(queue_arn)
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
