"""CloudFormation's AWS::DynamoDB::Table as AWS has it: a table's tags go with the table.

The engine keeps them, and Resource Groups Tagging would list a table that is gone.
"""

from __future__ import annotations

from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::DynamoDB::Table"


def install() -> None:
    """Put the removal of the tags around the engine's own handler."""
    engine = dict(provisioners._RESOURCE_HANDLERS[_TYPE])

    def delete(name: str, props: dict[str, Any]) -> None:
        arn = dynamodb._tables.get(name, {}).get("TableArn", "")
        engine["delete"](name, props)
        dynamodb._tags.pop(arn, None)

    provisioners._RESOURCE_HANDLERS[_TYPE] = {**engine, "delete": delete}
