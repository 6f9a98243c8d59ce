"""Conversion between DynamoDB items and plain values, and the requests that every table needs.

Used by the Lambda functions and by the operator's commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from scones.contract.layout import BY_STATE

Item = dict[str, dict[str, Any]]


# boto3's TypeSerializer and TypeDeserializer refuse floats and return Decimals, which `json` cannot write.
def to_item(values: Mapping[str, object]) -> Item:
    """Return an item of strings, numbers, lists and mappings; a value of None is left out.

    Raises TypeError for a value of another type.
    """
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def to_attribute(value: object) -> dict[str, Any]:
    """Return the attribute value of a string, a number, a list or a mapping.

    Raises TypeError for a value of another type, such as a boolean, bytes or a set: no table of ours has one.
    """
    if isinstance(value, str):
        return {"S": value}
    # In Python a boolean is an int, too.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"N": repr(value)}
    if isinstance(value, list):
        return {"L": [to_attribute(element) for element in value]}
    if isinstance(value, Mapping):
        return {"M": to_item(value)}
    raise TypeError(f"a table cannot hold a value of type {type(value).__name__}")


def from_item(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the plain values of an item. A number without a fraction is an int."""
    return {name: _from_attribute(attribute) for name, attribute in item.items()}


def _from_attribute(attribute: Mapping[str, Any]) -> Any:
    # An attribute value is a mapping with one entry: its type and its value.
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind == "L":
        return [_from_attribute(element) for element in value]
    if kind == "M":
        return from_item(value)
    return value


def query_by_state(table: str, state: str) -> dict[str, Any]:
    """Return the parameters of a Query for the rows in a state, in the order of the table's index."""
    return {
        "TableName": table,
        "IndexName": BY_STATE,
        "KeyConditionExpression": "#state = :state",
        # `state` is a reserved word of DynamoDB's expressions.
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item({":state": state}),
    }


def conditional_write(write: Callable[..., object], **request: Any) -> bool:
    """Call `write` with a request that has a ConditionExpression. Return False if the condition did not hold.

    Raises ClientError if the write failed for another reason.
    """
    try:
        write(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
