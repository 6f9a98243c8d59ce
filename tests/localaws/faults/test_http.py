import io
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
ANSWERS = [
    ("dynamodb", "ListTables", "throttling", 400, "ProvisionedThroughputExceededException"),
    ("dynamodb", "ListTables", "internal-error", 500, "InternalServerError"),
    ("dynamodb", "ListTables", "access-denied", 400, "AccessDeniedException"),
    ("s3", "ListBuckets", "throttling", 503, "SlowDown"),
    ("s3", "ListBuckets", "internal-error", 500, "InternalError"),
    ("s3", "ListBuckets", "access-denied", 403, "AccessDenied"),
    ("lambda", "ListFunctions", "throttling", 429, "TooManyRequestsException"),
    ("lambda", "ListFunctions", "internal-error", 500, "ServiceException"),
    ("lambda", "ListFunctions", "access-denied", 403, "AccessDeniedException"),
    ("cloudformation", "ListStacks", "throttling", 400, "Throttling"),
    ("cloudformation", "ListStacks", "internal-error", 500, "InternalFailure"),
    ("cloudformation", "ListStacks", "access-denied", 403, "AccessDenied"),
    ("cloudwatch", "DescribeAlarms", "throttling", 400, "ThrottlingException"),
    ("stepfunctions", "ListStateMachines", "internal-error", 500, "InternalFailure"),
    ("sagemaker", "ListModels", "access-denied", 400, "AccessDeniedException"),
]


def call(client: Any, operation: str) -> object:
    names = client.meta.method_to_api_mapping
    return getattr(client, next(name for name in names if names[name] == operation))()


@pytest.mark.parametrize(("service", "operation", "kind", "status", "code"), ANSWERS)
def test_a_client_sees_the_services_own_error_once(
    localaws: Any,
    inject: Callable[..., None],
    report: Callable[[], dict[str, Any]],
    service: str,
    operation: str,
    kind: str,
    status: int,
    code: str,
) -> None:
    inject(service=service, operation=operation, kind=kind)
    client = localaws.client(service)
    with pytest.raises(ClientError) as caught:
        call(client, operation)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    call(client, operation)
    about = {"side": "command", "service": service, "operation": operation}
    assert report() == {"calls": [{**about, "count": 2}], "injected": [{**about, "kind": kind, "call": 1}]}


def test_an_endpoints_throttling_is_one_that_the_runtime_names(localaws: Any, inject: Callable[..., None]) -> None:
    inject(service="sagemaker-runtime", operation="InvokeEndpoint", kind="throttling")
    with pytest.raises(ClientError, match="ThrottlingException"):
        localaws.client("sagemaker-runtime").invoke_endpoint(EndpointName="any", Body=b"x")


def test_a_connection_that_is_reset_has_done_nothing(localaws: Any, inject: Callable[..., None]) -> None:
    s3 = localaws.client("s3")
    s3.create_bucket(Bucket="fault-reset")
    inject(operation="PutObject", kind="reset")
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="fault-reset", Key="key", Body=b"x")
    assert "Contents" not in s3.list_objects_v2(Bucket="fault-reset")


def test_a_large_upload_sees_the_reset_too(localaws: Any, inject: Callable[..., None]) -> None:
    s3 = localaws.client("s3")
    s3.create_bucket(Bucket="fault-large")
    inject(operation="PutObject", kind="reset")
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="fault-large", Key="key", Body=bytes(4 << 20))
    s3.put_object(Bucket="fault-large", Key="key", Body=bytes(4 << 20))


def test_a_lost_answer_has_done_its_work(localaws: Any, inject: Callable[..., None]) -> None:
    s3 = localaws.client("s3")
    s3.create_bucket(Bucket="fault-lost")
    inject(operation="PutObject", kind="lost-answer")
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="fault-lost", Key="key", Body=b"content")
    assert s3.get_object(Bucket="fault-lost", Key="key")["Body"].read() == b"content"


def test_a_hanging_call_ends_with_the_clients_patience(localaws: Any, inject: Callable[..., None]) -> None:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=0.5)
    sns = boto3.client("sns", endpoint_url=localaws.url, config=config, **CREDENTIALS)
    inject(service="sns", kind="hang")
    with pytest.raises(ReadTimeoutError):
        sns.list_topics()
    sns.list_topics()


def test_boto3s_own_retries_hide_one_fault(localaws: Any, inject: Callable[..., None]) -> None:
    client = boto3.client("sqs", endpoint_url=localaws.url, **CREDENTIALS)
    for kind in ("throttling", "reset", "internal-error"):
        inject(service="sqs", kind=kind)
        client.list_queues()


def test_calls_before_and_after_the_chosen_ones_succeed(localaws: Any, inject: Callable[..., None]) -> None:
    inject(service="dynamodb", kind="throttling", skip=1, count=2)
    client = localaws.client("dynamodb")
    seen = []
    for _ in range(5):
        try:
            client.list_tables()
            seen.append("answered")
        except ClientError:
            seen.append("throttled")
    assert seen == ["answered", "throttled", "throttled", "answered", "answered"]


def test_the_same_seed_gives_the_same_faults(
    localaws: Any, ask: Callable[..., Any], inject: Callable[..., None], report: Callable[[], dict[str, Any]]
) -> None:
    client = localaws.client("sqs")

    def drill() -> list[int]:
        ask("DELETE")
        inject(seed=7, probability=0.5, kind="throttling")
        for _ in range(12):
            try:
                client.list_queues()
            except ClientError:
                continue
        return [fault["call"] for fault in report()["injected"]]

    first = drill()
    assert 0 < len(first) < 12
    assert drill() == first


def test_recording_counts_calls_and_injects_nothing(
    localaws: Any, inject: Callable[..., None], report: Callable[[], dict[str, Any]]
) -> None:
    inject(record=True)
    localaws.client("s3").list_buckets()
    call_ = {"side": "command", "service": "s3", "operation": "ListBuckets", "count": 1}
    assert report() == {"calls": [call_], "injected": []}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"kind": "rain"}', b'{"kind": "reset", "count": 0}', b"x" * 70_000]
)
def test_a_rule_that_makes_no_sense_is_refused_with_a_message(ask: Callable[..., Any], body: bytes) -> None:
    status, answer = ask("POST", body)
    assert status == 400
    assert answer["message"]


def test_other_methods_are_refused(ask: Callable[..., Any]) -> None:
    assert ask("PUT")[0] == 405


def test_a_web_page_sets_no_faults(ask: Callable[..., Any]) -> None:
    assert ask("POST", b'{"record": true}', {"Origin": "https://evil.example"})[0] == 403


def test_a_function_is_a_side_of_its_own(
    localaws: Any,
    make_function: Callable[..., str],
    invoke: Callable[..., Any],
    inject: Callable[..., None],
    report: Callable[[], dict[str, Any]],
) -> None:
    name = make_function("import boto3\ndef handler(event, context):\n    boto3.client('sqs').list_queues()\n")
    inject(side="lambda", service="sqs", kind="access-denied")
    localaws.client("sqs").list_queues()
    answer, error = invoke(name)
    assert error
    assert "AccessDenied" in answer["errorMessage"]
    assert [fault["side"] for fault in report()["injected"]] == ["lambda"]


def test_a_streamed_upload_is_passed_on_whole_while_faults_are_armed(
    localaws: Any, inject: Callable[..., None]
) -> None:
    inject(record=True)
    s3 = localaws.client("s3")
    s3.create_bucket(Bucket="fault-whole")
    s3.upload_fileobj(io.BytesIO(bytes(9 << 20)), "fault-whole", "key")
    assert s3.head_object(Bucket="fault-whole", Key="key")["ContentLength"] == 9 << 20
