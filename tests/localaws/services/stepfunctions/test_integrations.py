from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from localaws.services.stepfunctions.integrations import is_supported

Create = Callable[..., str]


def test_an_integration_that_would_do_nothing_is_refused(create: Create) -> None:
    for resource in ("arn:aws:states:::glue:startJobRun.sync", "arn:aws:states:::aws-sdk:s3:getObject"):
        with pytest.raises(ClientError, match="not supported"):
            create("x", {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": resource, "End": True}}})


def test_only_integrations_that_the_engine_calls_are_supported() -> None:
    assert is_supported("arn:aws:states:::lambda:invoke.waitForTaskToken")
    assert is_supported("arn:aws:states:::states:startExecution.sync:2")
    assert not is_supported("arn:aws:states:::dynamodb:putItem.waitForTaskToken")
    assert not is_supported("arn:aws:states:::aws-sdk:nothing:call")
