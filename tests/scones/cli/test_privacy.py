"""`scones forget` with stacks that have only outputs."""

from __future__ import annotations

import json
from typing import Any

from .conftest import Run


def test_a_driver_is_forgotten_after_a_plan_and_a_confirmation(
    run: Run, outputs: dict[str, str], localaws: Any
) -> None:
    s3 = localaws.client("s3")
    for key in ("arrivals/eve/1.png", "decisions/eve/1.png.json", "arrivals/eve2/1.png"):
        s3.put_object(Bucket=outputs["Bucket"], Key=key, Body=b"{}")
    expected = {"driver": "eve", "executions": 0, "rows": 0, "arrivals": 1, "decisions": 1, "captures": 0, "labels": 0}
    assert json.loads(run("forget", "eve", "--plan").stdout) == [expected]
    # Nobody answers the question.
    refused = run("forget", "eve")
    assert refused.exit_code == 1
    assert len(s3.list_objects_v2(Bucket=outputs["Bucket"])["Contents"]) == 3
    done = run("forget", "eve", "--yes")
    assert json.loads(done.stdout) == [expected]
    assert "Step Functions keeps inputs and outputs for 90 days" in done.stderr
    left = s3.list_objects_v2(Bucket=outputs["Bucket"])["Contents"]
    assert [stored["Key"] for stored in left] == ["arrivals/eve2/1.png"]
