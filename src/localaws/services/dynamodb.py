"""DynamoDB's tables: their tags are deleted with them, and an expression is parsed once for all items it is applied to.

ministack keeps the tags, so that the Resource Groups Tagging API lists a deleted table. It also parses a condition for
each item again, which took a quarter of the server's time with hundreds of open orders.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::DynamoDB::Table"
# Expressions hold placeholders instead of values, so a program has few different ones.
_CACHED_EXPRESSIONS = 256
_tokens = lru_cache(_CACHED_EXPRESSIONS)(dynamodb._tokenize)
_EQUALS = re.compile(r"\s*(#\w+)\s*=\s*(:\w+)\s*")
_evaluate = dynamodb._evaluate_condition


def install() -> None:
    """Wrap ministack's handler of the resource type, and put a cache in front of its parser."""
    dynamodb._tokenize = tokenize
    dynamodb._evaluate_condition = evaluate_condition
    dynamodb._condition_syntax_error = lru_cache(_CACHED_EXPRESSIONS)(dynamodb._condition_syntax_error)
    engine = dict(provisioners._RESOURCE_HANDLERS[_TYPE])

    def delete(name: str, properties: dict[str, Any]) -> None:
        arn = dynamodb._tables.get(name, {}).get("TableArn", "")
        engine["delete"](name, properties)
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
    """Return whether an item meets a condition; `slot` is the member of the request that holds the expression."""
    # Most queries compare the partition key with a string, for each item of the table: two lookups answer that.
    equals = _EQUALS.fullmatch(expression) if slot == "KeyConditionExpression" else None
    if equals and "S" in values.get(equals[2], ()) and equals[1] in names:
        return bool(item.get(names[equals[1]]) == values[equals[2]])
    return bool(_evaluate(expression, item, values, names, slot))
