"""DynamoDB's items from plain values and back, and what all our tables are asked alike; for Lambda and the operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.layout import BY_STATE

Item = dict[str, dict[str, Any]]


def to_item(values: Mapping[str, Any]) -> Item:
    """Return DynamoDB's attribute values of texts, numbers, lists and mappings; None is left out."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def to_attribute(value: Any) -> dict[str, Any]:
    """Raises TypeError for what none of our tables holds: truth values, bytes, sets."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"N": repr(value)}
    if isinstance(value, list):
        return {"L": [to_attribute(inner) for inner in value]}
    if isinstance(value, Mapping):
        return {"M": to_item(value)}
    raise TypeError(f"a {type(value).__name__} has no place in a table")


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of an item; a number without a fraction is an int."""
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind == "L":
        return [_from_attribute(inner) for inner in value]
    return from_item(value) if kind == "M" else value


def in_state(table: str, state: str) -> dict[str, Any]:
    """Return the request of a Query for the rows in a state, in the order of the table's index."""
    return {
        "TableName": table,
        "IndexName": BY_STATE,
        "KeyConditionExpression": "#state = :state",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item({":state": state}),
    }


def if_it_holds(write: Callable[..., object], **request: Any) -> bool:
    """Make a write that has a ConditionExpression; whether the condition held and it was made."""
    try:
        write(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
