"""The fields of a state that ministack honours, by query language and type. Pure data.

ministack silently ignores the fields of Amazon States Language that are missing here.
"""

from __future__ import annotations

from typing import Final

_ANY: Final = {"Type", "Comment", "QueryLanguage"}
_STEP: Final = _ANY | {"Next", "End"}
_PATHS: Final = {"InputPath", "OutputPath"}
_RESULT: Final = {"ResultPath", "ResultSelector"}
_ERRORS: Final = {"Retry", "Catch"}
_MAP: Final = {"ItemProcessor", "ItemSelector", "MaxConcurrency"}

STATE_FIELDS: Final[dict[str, dict[str, set[str]]]] = {
    "JSONPath": {
        "Task": _STEP | _PATHS | _RESULT | _ERRORS | {"Resource", "Parameters", "TimeoutSeconds"},
        "Pass": _STEP | _PATHS | {"Parameters", "Result", "ResultPath"},
        "Choice": _ANY | _PATHS | {"Choices", "Default"},
        "Wait": _STEP | _PATHS | {"Seconds", "Timestamp", "SecondsPath", "TimestampPath"},
        "Succeed": _ANY | _PATHS,
        "Fail": _ANY | {"Error", "Cause", "ErrorPath", "CausePath"},
        "Parallel": _STEP | _PATHS | _RESULT | _ERRORS | {"Branches", "Parameters"},
        "Map": _STEP
        | _PATHS
        | _RESULT
        | _ERRORS
        | _MAP
        | {"Iterator", "ItemsPath", "Parameters", "ItemReader", "Label"}
        | {"ToleratedFailureCount", "ToleratedFailurePercentage"},
    },
    "JSONata": {
        "Task": _STEP | _ERRORS | {"Resource", "Arguments", "Output", "Assign", "TimeoutSeconds"},
        "Pass": _STEP | {"Output", "Assign"},
        "Choice": _ANY | {"Choices", "Default", "Assign"},
        "Wait": _STEP | {"Seconds", "Timestamp", "Output", "Assign"},
        "Succeed": _ANY,
        "Fail": _ANY | {"Error", "Cause"},
        "Parallel": _STEP | _ERRORS | {"Branches"},
        "Map": _STEP | _ERRORS | _MAP | {"Items", "Output", "Assign"},
    },
}

# Allowed in a Map in distributed mode only.
DISTRIBUTED_FIELDS: Final = {"ItemReader", "Label", "ToleratedFailureCount", "ToleratedFailurePercentage"}

MACHINE_FIELDS: Final = {"Comment", "StartAt", "States", "QueryLanguage", "Version", "TimeoutSeconds"}
BRANCH_FIELDS: Final = {"Comment", "StartAt", "States"}
PROCESSOR_FIELDS: Final = BRANCH_FIELDS | {"ProcessorConfig"}

RETRY_FIELDS: Final = {
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
}
CATCH_FIELDS: Final = {
    "JSONPath": {"ErrorEquals", "Next", "ResultPath", "Comment"},
    "JSONata": {"ErrorEquals", "Next", "Output", "Assign", "Comment"},
}
JSONATA_RULE_FIELDS: Final = {"Condition", "Next", "Output", "Assign", "Comment"}

_ORDERS: Final = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
COMPARISONS: Final = (
    {f"{kind}{order}" for kind in ("String", "Numeric", "Timestamp") for order in _ORDERS}
    | {f"Numeric{order}Path" for order in _ORDERS}
    | {"StringEqualsPath", "StringMatches", "BooleanEquals", "BooleanEqualsPath"}
    | {f"Is{kind}" for kind in ("Present", "Null", "Numeric", "String", "Boolean", "Timestamp")}
)
READER_FIELDS: Final = {"Resource", "Parameters", "ReaderConfig"}
READERS: Final = {"arn:aws:states:::s3:getObject", "arn:aws:states:::s3:listObjectsV2"}
