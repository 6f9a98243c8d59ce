"""Both stacks are planned and deployed on localaws."""

from __future__ import annotations

from typing import Any

import pytest

from scones.progress import Progress
from scones.settings import Settings
from scones.steps.deploy import deploy, plan

from .conftest import Uploads


@pytest.fixture(scope="module")
def cloudformation(localaws: Any) -> Any:
    return localaws.client("cloudformation")


def test_a_plan_lists_only_what_a_changed_setting_touches(cloudformation: Any, localaws: Any) -> None:
    settings, s3 = Settings(project="planner"), localaws.client("s3")
    assert {change.action for change in plan(settings, cloudformation=cloudformation)} == {"Add"}
    outputs = deploy(settings, cloudformation=cloudformation, s3=s3, progress=Progress())
    assert outputs["Bucket"] == "planner-000000000000-us-east-1"
    assert plan(settings, cloudformation=cloudformation) == []
    changes = plan(Settings(project="planner", threshold=0.5), cloudformation=cloudformation)
    assert {change.action for change in changes} == {"Modify"}
    assert {"FilterFunction", "RecordFunction"} <= {change.resource for change in changes}
    assert "Bucket" not in {change.resource for change in changes}


def test_unchanged_code_is_uploaded_once(cloudformation: Any, localaws: Any) -> None:
    settings, s3 = Settings(project="uploader"), Uploads(localaws.client("s3"))
    outputs = deploy(settings, cloudformation=cloudformation, s3=s3, progress=Progress())
    names = {key.removeprefix("code/").rsplit("-", 1)[0] for key in s3.keys}
    assert names == {"functions", "image", "delivery", "release", "deploy"}
    s3.keys.clear()
    assert deploy(settings, cloudformation=cloudformation, s3=s3, progress=Progress()) == outputs
    assert s3.keys == []


def test_the_outputs_of_both_stacks_are_returned(cloudformation: Any, localaws: Any) -> None:
    settings = Settings(project="returner")
    outputs = deploy(settings, cloudformation=cloudformation, s3=localaws.client("s3"), progress=Progress())
    assert {"Bucket", "OrdersTable", "DeliveryMachine", "ReleaseMachine", "ImageBuild"} <= outputs.keys()
