import base64
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

Make = Callable[..., str]
Invoke = Callable[..., tuple[Any, str | None]]


@pytest.fixture(scope="module")
def echo(make_function: Make) -> str:
    return make_function("def handler(event, context):\n  return event")


COUNTER = """
n = 0
class MyError(Exception): pass
def handler(event, context):
    global n
    n += 1
    if event == "fail":
        raise MyError("no luck")
    return n
"""


def test_an_exception_has_its_own_class_name_and_the_sandbox_lives_on(make_function: Make, invoke: Invoke) -> None:
    name = make_function(COUNTER)
    assert invoke(name) == (1, None)
    body, kind = invoke(name, "fail")
    assert kind == "Unhandled"
    assert body["errorType"] == "MyError"
    assert body["errorMessage"] == "no luck"
    assert "requestId" in body
    assert "raise MyError" in "".join(body["stackTrace"])
    assert invoke(name) == (3, None)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("os._exit(3)", "with error: exit status 3"),
        ("os._exit(0)", "without providing a reason"),
        ("os.kill(os.getpid(), 9)", "with error: signal: killed"),
    ],
)
def test_a_process_that_ends_is_reported_with_how(make_function: Make, invoke: Invoke, how: str, told: str) -> None:
    body, error = invoke(make_function(f"import os\ndef handler(event, context):\n  {how}"))
    assert (body["errorType"], error) == ("Runtime.ExitError", "Unhandled")
    assert body["errorMessage"].endswith(f"Error: Runtime exited {told}")


def test_an_import_that_the_package_does_not_hold_fails_as_on_aws(make_function: Make, invoke: Invoke) -> None:
    name = make_function("import pytest\ndef handler(event, context):\n  pass")
    body, _ = invoke(name)
    assert body["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'pytest'" in body["errorMessage"]


def test_a_function_sees_its_own_environment_and_a_client_that_reaches_this_server(
    localaws: Any, make_function: Make, invoke: Invoke
) -> None:
    source = """
import boto3, os
def handler(event, context):
    buckets = boto3.client("s3").list_buckets()["Buckets"]
    return {"environment": dict(os.environ), "buckets": [b["Name"] for b in buckets], "stream": context.log_stream_name}
"""
    localaws.client("s3").create_bucket(Bucket="seen-from-a-function")
    name = make_function(source, Environment={"Variables": {"MINE": "yes"}})
    body, kind = invoke(name)
    assert kind is None, body
    assert "seen-from-a-function" in body["buckets"]
    environment = body["environment"]
    assert environment["MINE"] == "yes"
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["AWS_LAMBDA_LOG_STREAM_NAME"] == body["stream"]
    assert not {"GATEWAY_PORT", "STATE_DIR", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"} & set(environment)


MEETING = """
import os, pathlib, time
def handler(event, context):
    pathlib.Path(event, str(os.getpid())).touch()
    while len(os.listdir(event)) < 3: time.sleep(0.01)
    return os.getpid()
"""


def test_concurrent_events_run_in_sandboxes_of_their_own(make_function: Make, invoke: Invoke, tmp_path: Path) -> None:
    name = make_function(MEETING)
    with ThreadPoolExecutor(3) as pool:
        pids = [body for body, _ in pool.map(lambda _: invoke(name, str(tmp_path)), range(3))]
    assert sorted(map(str, pids)) == sorted(path.name for path in tmp_path.iterdir())


def test_a_request_over_six_megabytes_is_refused(localaws: Any, make_function: Make) -> None:
    name = make_function("def handler(event, context):\n  return len(event)")
    with pytest.raises(ClientError) as refused:
        localaws.client("lambda").invoke(FunctionName=name, Payload=b'"' + b"x" * 6_291_456 + b'"')
    assert refused.value.response["Error"]["Code"] == "RequestTooLargeException"


def test_a_response_over_six_megabytes_is_an_error_and_the_sandbox_lives_on(
    make_function: Make, invoke: Invoke
) -> None:
    name = make_function("n = 0\ndef handler(event, context):\n  global n\n  n += 1\n  return 'x' * event or n")
    body, _ = invoke(name, 6_291_560)
    assert body["errorType"] == "Function.ResponseSizeTooLarge"
    assert invoke(name, 0) == (2, None)


@pytest.mark.parametrize("answer", ["text", 123, "123", None, [1, {"a": 2.5}], {"k": "ü"}, True])
def test_what_a_handler_returns_arrives_as_it_is(echo: str, invoke: Invoke, answer: object) -> None:
    assert invoke(echo, answer) == (answer, None)


def test_bytes_are_given_back_raw(localaws: Any, make_function: Make) -> None:
    name = make_function("def handler(event, context):\n  return b'\\x89PNG'")
    answer = localaws.client("lambda").invoke(FunctionName=name)
    assert answer["Payload"].read() == b"\x89PNG"


def test_bytes_inside_an_answer_become_text(make_function: Make, invoke: Invoke) -> None:
    name = make_function("def handler(event, context):\n  return {'body': {'image_data': b'iVBOR', 'n': [b'1']}}")
    assert invoke(name) == ({"body": {"image_data": "iVBOR", "n": ["1"]}}, None)


def test_log_lines_are_those_of_aws(localaws: Any, make_function: Make) -> None:
    name = make_function("def handler(event, context):\n  print('one')\n  print('two')")
    first, second = (localaws.client("lambda").invoke(FunctionName=name, LogType="Tail") for _ in range(2))
    report = r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
    report += r"Max Memory Used: [1-9]\d* MB\t"
    assert re.search(report + r"Init Duration: [\d.]+ ms\t$", base64.b64decode(first["LogResult"]).decode())
    assert re.search(report + "$", base64.b64decode(second["LogResult"]).decode())
    logs = localaws.client("logs")
    streams = logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
    assert len(streams) == 1
    assert re.match(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$", streams[0]["logStreamName"])
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    kinds = [event["message"].split(" ")[0].strip() for event in events]
    assert kinds == ["START", "one", "two", "END", "REPORT"] * 2


LOGGING = """
import logging
def handler(event, context):
    logging.error("one\\ntwo")
    logging.info("not shown")
    raise ValueError(context.get_remaining_time_in_millis() > 1000)
"""


def test_log_records_and_exceptions_are_written_as_on_aws(localaws: Any, make_function: Make) -> None:
    answer = localaws.client("lambda").invoke(FunctionName=make_function(LOGGING), LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode()
    request_id = lines.split(" ", 3)[2]
    assert re.search(rf"\[ERROR\]\t\d{{4}}-\d\d-\d\dT[\d:]{{8}}\.\d{{3}}Z\t{request_id}\tone\ntwo\n", lines)
    assert "not shown" not in lines
    trace = '\u00a0\u00a0File "[^"]*/app.py", line 6, in handler\r\u00a0{4}raise ValueError'
    assert re.search(rf"\[ERROR\] ValueError: True\rTraceback \(most recent call last\):\r{trace}", lines)


BROKEN = [
    ("def handler(event, context)\n  pass", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
    ("def other(event, context): pass", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
    ("raise KeyError('x')", "KeyError", "'x'"),
]


@pytest.mark.parametrize(("source", "kind", "message"), BROKEN, ids=[kind for _, kind, _ in BROKEN])
def test_a_module_that_cannot_be_loaded_fails_as_on_aws(
    make_function: Make, invoke: Invoke, source: str, kind: str, message: str
) -> None:
    body, error = invoke(make_function(source))
    assert (body["errorType"], error) == (kind, "Unhandled")
    assert message in body["errorMessage"]


RICH = """
import collections, decimal
Named = collections.namedtuple("Named", "a b")
def handler(event, context):
    return {"named": Named(1, (2, 3)), "exact": decimal.Decimal("1.10"), "text": "ü", "set": {1} if event else None}
"""


def test_an_answer_is_made_into_json_as_on_aws(localaws: Any, make_function: Make, invoke: Invoke) -> None:
    name = make_function(RICH)
    answer, _ = invoke(name)
    assert answer == {"named": {"a": 1, "b": [2, 3]}, "exact": 1.1, "text": "ü", "set": None}
    body, _ = invoke(name, "a set")
    assert body["errorType"] == "Runtime.MarshalError"
    assert "Object of type set is not JSON serializable" in body["errorMessage"]


def test_new_code_is_what_runs_next(
    localaws: Any, make_function: Make, invoke: Invoke, zipped: Callable[..., bytes]
) -> None:
    name = make_function("def handler(event, context):\n  return 'old'")
    assert invoke(name) == ("old", None)
    new = zipped(app="def handler(event, context):\n  return 'new'")
    localaws.client("lambda").update_function_code(FunctionName=name, ZipFile=new)
    assert invoke(name) == ("new", None)


def test_an_asynchronous_event_is_tried_again(
    localaws: Any, make_function: Make, eventually: Callable[..., Any]
) -> None:
    name = make_function("def handler(event, context):\n  raise ValueError(context.aws_request_id)")
    assert localaws.client("lambda").invoke(FunctionName=name, InvocationType="Event")["StatusCode"] == 202
    logs = localaws.client("logs")

    def starts() -> int:
        if not logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]:
            return 0
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        return sum(event["message"].startswith("START") for event in events)

    eventually(lambda: starts() >= 2)


@pytest.mark.parametrize("payload", [b"{", b"\xff", b"nul"])
def test_an_event_that_is_not_json_is_refused(localaws: Any, echo: str, payload: bytes) -> None:
    client = localaws.client("lambda")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName=echo, Payload=payload)
