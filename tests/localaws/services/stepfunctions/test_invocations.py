import json
from collections.abc import Callable
from typing import Any

import pytest

Create = Callable[..., str]
Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("timed", [{}, {"TimeoutSeconds": 99}])
def test_the_result_has_the_request_id_of_the_function(
    create: Create, run: Run, make_function: Callable[..., str], timed: dict[str, int]
) -> None:
    function = make_function("def handler(event, context):\n  return context.aws_request_id")
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True, **timed}
    task["Parameters"] = {"FunctionName": function}
    answer = json.loads(run(create(function, {"StartAt": "T", "States": {"T": task}}))["output"])
    assert answer["SdkResponseMetadata"] == {"RequestId": answer["Payload"]}
