"""DynamoDB's tables: their tags go with them, and an expression is parsed once for all the items it is held against.

The engine keeps the tags, and Resource Groups Tagging would list a table that is gone; and it parses a condition anew
for each item, which took a quarter of the server's time where hundreds of orders were open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::DynamoDB::Table"
_EXPRESSIONS = 256
_tokens = lru_cache(_EXPRESSIONS)(dynamodb._tokenize)
_PARTITION = re.compile(r"\s*(#\w+)\s*=\s*(:\w+)\s*")
_evaluate = dynamodb._evaluate_condition


def install() -> None:
    """Put the removal of the tags around the engine's own handler, and a memory before its parser."""
    dynamodb._tokenize = tokenize
    dynamodb._evaluate_condition = evaluate_condition
    dynamodb._condition_syntax_error = lru_cache(_EXPRESSIONS)(dynamodb._condition_syntax_error)
    engine = dict(provisioners._RESOURCE_HANDLERS[_TYPE])

    def delete(name: str, props: dict[str, Any]) -> None:
        arn = dynamodb._tables.get(name, {}).get("TableArn", "")
        engine["delete"](name, props)
        dynamodb._tags.pop(arn, None)

    provisioners._RESOURCE_HANDLERS[_TYPE] = {**engine, "delete": delete}


def tokenize(expression: str) -> list[tuple[str, ...]]:
    """Return the tokens of an expression, in a list of the caller's own."""
    return list(_tokens(expression))


def evaluate_condition(
    expression: str,
    item: Mapping[str, Any],
    values: Mapping[str, Any],
    names: Mapping[str, str],
    slot: str = "ConditionExpression",
) -> bool:
    """Whether an item meets a condition; of a query by a text alone, which is most of them, without the parser."""
    partition = _PARTITION.fullmatch(expression) if slot == "KeyConditionExpression" else None
    if partition and "S" in values.get(partition[2], ()) and partition[1] in names:
        return bool(item.get(names[partition[1]]) == values[partition[2]])
    return bool(_evaluate(expression, item, values, names, slot))
