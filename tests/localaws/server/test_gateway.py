import asyncio
import contextlib
import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.faults.injector import Injector
from localaws.server.asgi import Message
from localaws.server.gateway import Gateway, Hooks, frees_space, is_own_host, is_read, operation_of, refusal


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4566", "localhost", "LOCALHOST:1", "bucket.localhost:80", "[::1]:4566", "10.0.0.7", "mine:80"]
)
def test_addresses_localhost_and_own_names_are_this_server(host: str) -> None:
    assert is_own_host(host, {"mine"})


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "a@evil.example", "[x"]
)
def test_other_host_names_are_not_this_server(host: str) -> None:
    assert not is_own_host(host, {"mine"})


@given(st.dictionaries(st.sampled_from(["host", "origin", "content-length"]), st.text()))
def test_any_headers_are_accepted_or_refused_with_one_line(headers: dict[str, str]) -> None:
    reason = refusal(headers, {"mine"})
    assert reason is None or "\n" not in reason or "\n" in "".join(headers.values())


@given(path=st.text(), target=st.text(), query=st.text())
def test_any_request_is_classified_without_an_error(path: str, target: str, query: str) -> None:
    is_read("POST", path, operation_of("POST", path, {"x-amz-target": target}, query))


def test_reads_are_recognised_by_the_names_of_operations() -> None:
    assert is_read("POST", "/", operation_of("POST", "/", {"x-amz-target": "DynamoDB_20120810.GetItem"}, ""))
    assert is_read("POST", "/", operation_of("POST", "/", {}, "Action=DescribeStacks"))
    assert is_read("GET", "/bucket/key", "")
    assert not is_read("PUT", "/bucket/key", "")
    assert not is_read("POST", "/", operation_of("POST", "/", {"x-amz-target": "DynamoDB_20120810.PutItem"}, ""))


def test_a_put_of_an_s3_object_is_told_from_other_puts() -> None:
    s3, other = ({"authorization": f"AWS4-HMAC-SHA256 Credential=A/1/r/{name}/aws4_request"} for name in ("s3", "iot"))
    assert operation_of("PUT", "/bucket/a/b", s3, "") == "PutObject"
    assert operation_of("PUT", "/bucket", s3, "") == operation_of("PUT", "/bucket/", s3, "") == ""
    assert operation_of("PUT", "/bucket/key", s3, "tagging") == operation_of("PUT", "/things/a", other, "") == ""


def request(url: str, headers: dict[str, str], method: str = "GET") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    connection.request(method, "/", headers=headers)
    return connection.getresponse()


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}], ids=str
)
def test_a_web_page_is_refused(localaws: Any, headers: dict[str, str]) -> None:
    answer = request(localaws.url, headers)
    assert answer.status == 403
    assert "AccessDenied" in json.loads(answer.read())["__type"]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_no_answer_allows_another_origin(localaws: Any, method: str) -> None:
    answer = request(localaws.url, {"Origin": localaws.url}, method)
    assert answer.status == 200
    assert not [name for name, _ in answer.getheaders() if name.lower().startswith("access-control-")]


def test_only_loopback_listens(localaws: Any) -> None:
    port = urlsplit(localaws.url).port
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        # Nothing is sent; a machine without a network has no way there.
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    if own in ("0.0.0.0", "127.0.0.1"):  # noqa: S104 - compared, not bound
        pytest.skip("this machine has no other address")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((own, port), timeout=60)


def ask_full(method: str, headers: dict[str, str]) -> list[Message]:
    """Send one request to a gateway whose disk is full, and return the messages of its answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def save() -> None:
        return None

    async def never() -> Message:
        raise AssertionError("no message was expected")

    hooks = Hooks(track=lambda operation: save, is_full=lambda: True, started=lambda: None, stopping=save)
    gateway = Gateway(app, hooks, Injector())
    pairs = [(name.encode(), value.encode()) for name, value in ({"host": "localhost"} | headers).items()]
    scope = {"type": "http", "method": method, "path": "/bucket/key", "query_string": b"", "headers": pairs}
    asyncio.run(gateway(scope, never, send))
    return sent


@pytest.mark.parametrize(("method", "headers"), [("PUT", {}), ("POST", {"x-amz-target": "SageMaker.CreateModel"})])
def test_a_change_is_refused_with_the_reason_if_the_disk_is_full(method: str, headers: dict[str, str]) -> None:
    start, body = ask_full(method, headers)
    assert start["status"] == 507
    assert b"is full; free some space" in body["body"]


@pytest.mark.parametrize(
    ("method", "headers"), [("GET", {}), ("DELETE", {}), ("POST", {"x-amz-target": "SageMaker.DeleteModel"})]
)
def test_reads_and_deletions_work_on_a_full_disk(method: str, headers: dict[str, str]) -> None:
    assert ask_full(method, headers)[0]["status"] == 200


@pytest.mark.parametrize("operation", ["DeleteEndpoint", "StopTrainingJob", "DeregisterScalableTarget"])
def test_operations_that_free_space_are_recognised(operation: str) -> None:
    assert frees_space("POST", operation, "")


def test_deleting_many_s3_objects_frees_space() -> None:
    assert frees_space("POST", "", "delete")
    assert not frees_space("POST", "", "uploads")
