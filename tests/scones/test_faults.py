"""Deliveries while calls to AWS fail: every one ends with a recorded decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scones.contract.layout import ARRIVALS, DECISIONS
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.deploy import deploy
from scones.steps.storage.s3 import read_json

SETTINGS = Settings(project="faulty")
# What Record calls. An empty image needs no endpoint: its delivery goes from Serialize to Record.
RECORDS_CALLS = [("dynamodb", "UpdateItem"), ("s3", "PutObject")]


@dataclass(frozen=True)
class Site:
    """A deployed project without an endpoint."""

    bucket: str
    client: Any
    faults: Callable[..., Any]
    eventually: Callable[..., Any]

    def reject(self, name: str) -> dict[str, Any]:
        """Upload an empty image, and return its decision."""
        self.client("s3").put_object(Bucket=self.bucket, Key=f"{ARRIVALS}anna/{name}", Body=b"")
        key = f"{DECISIONS}anna/{name}.json"
        decision: dict[str, Any] = self.eventually(lambda: read_json(self.bucket, key, s3=self.client("s3")))
        return decision


@pytest.fixture(scope="module")
def site(start_localaws: Any, tmp_path_factory: Any, eventually: Callable[..., Any]) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("faults")
    with start_localaws(folder / "state") as server:
        cloudformation, s3 = server.client("cloudformation"), server.client("s3")
        outputs = deploy(SETTINGS, cloudformation=cloudformation, s3=s3, progress=Progress())
        yield Site(outputs["Bucket"], server.client, server.faults, eventually)


def test_the_calls_of_record_are_known(site: Site) -> None:
    site.faults("POST", record=True)
    site.reject("known.png")
    calls = {(call["service"], call["operation"]) for call in site.faults("GET")["calls"] if call["side"] == "lambda"}
    site.faults("DELETE")
    assert calls == {("s3", "GetObject"), *RECORDS_CALLS}


@pytest.mark.parametrize(
    ("kind", "count"),
    [("throttling", 2), ("internal-error", 2), ("reset", 2), ("lost-answer", 1), ("access-denied", 1)],
)
@pytest.mark.parametrize(("service", "operation"), RECORDS_CALLS)
def test_a_decision_is_recorded_although_a_call_of_record_fails(
    site: Site, service: str, operation: str, kind: str, count: int
) -> None:
    site.faults("POST", side="lambda", service=service, operation=operation, kind=kind, count=count)
    decision = site.reject(f"{operation}-{kind}.png")
    injected = site.faults("GET")["injected"]
    site.faults("DELETE")
    assert len(injected) == count
    assert (decision["outcome"], decision["error"]) == ("REJECTED", "ImageRejectedError")


def test_a_state_that_fails_for_good_ends_in_a_recorded_failure(site: Site) -> None:
    site.faults("POST", side="lambda", service="s3", operation="GetObject", kind="access-denied")
    decision = site.reject("denied.png")
    site.faults("DELETE")
    assert decision["outcome"] == "FAILED"
    assert "AccessDenied" in decision["cause"]
