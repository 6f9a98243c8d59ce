from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("throttling", "SlowDown (503)"),
        ("internal-error", "InternalError (500)"),
        ("access-denied", "AccessDenied (403)"),
        ("reset", "PutObject of s3://toy-bucket/models/"),
        ("lost-answer", "lost-answer, injected by localaws"),
        ("hang", "InternalServerError: We encountered an internal error"),
    ],
)
def test_a_job_whose_upload_meets_a_fault_fails_and_names_it(
    account: Any, name: str, inject: Callable[..., None], report: Callable[[], Any], kind: str, reason: str
) -> None:
    inject(side="job", service="s3", operation="PutObject", kind=kind)
    job = account.train(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert reason in job["FailureReason"]
    about = {"side": "job", "service": "s3", "operation": "PutObject"}
    assert report()["injected"] == [{**about, "kind": kind, "call": 1}]


def test_the_upload_whose_answer_is_lost_is_there(account: Any, name: str, inject: Callable[..., None]) -> None:
    inject(side="job", operation="PutObject", kind="lost-answer")
    account.train(name)
    found = account.s3.list_objects_v2(Bucket="toy-bucket", Prefix=f"models/{name}/")
    assert found["KeyCount"] == 1


def test_an_endpoints_reads_are_not_those_of_a_job(
    account: Any, name: str, inject: Callable[..., None], report: Callable[[], Any]
) -> None:
    account.train(f"{name}-model")
    model = f"s3://toy-bucket/models/{name}-model/output/model.tar.gz"
    inject(side="job", kind="access-denied")
    account.configure(name, model_data=model)
    account.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert account.wait_for_endpoint(name)["EndpointStatus"] == "InService"
    assert [call["side"] for call in report()["calls"] if call["side"] == "job"] == []
    account.sagemaker.delete_endpoint(EndpointName=name)
