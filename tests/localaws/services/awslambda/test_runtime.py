"""Our own runtime, alone and in place of AWS's in the tests of sandboxes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.services.awslambda.runtime import RuntimeFault, describe, encode, find_handler, log_line

FOLDER = Path(__file__).parent
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_the_tests_of_sandboxes_pass_with_our_own_runtime() -> None:
    files = [str(FOLDER / f"test_{name}.py") for name in ("invoke", "sandbox", "runtime_process", "packages")]
    environ = {**os.environ, "LOCALAWS_RUNTIME": "own"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nodot", "Runtime.MalformedHandlerName"),
        ("sys.exit", "Runtime.BuiltInModuleConflict"),
        ("no_such_module.handler", "Runtime.ImportModuleError"),
        ("json.no_such_function", "Runtime.HandlerNotFound"),
    ],
)
def test_a_handler_that_cannot_be_found_has_lambdas_error(name: str, kind: str) -> None:
    with pytest.raises(RuntimeFault) as raised:
        find_handler(name)
    assert describe(raised.value)["errorType"] == kind
    assert describe(raised.value)["stackTrace"] == []


def test_a_handler_may_be_named_by_a_path() -> None:
    assert find_handler("os/path.join") is os.path.join


@given(value=JSON)
def test_what_json_holds_arrives_as_it_is(value: object) -> None:
    assert json.loads(encode(value)) == value


@given(value=JSON | st.decimals() | st.binary() | st.lists(st.decimals() | st.tuples(st.integers())))
def test_answers_are_those_of_awss_own_runtime(value: object) -> None:
    marshaller = pytest.importorskip("awslambdaric.lambda_runtime_marshaller").LambdaMarshaller()

    def parsed(sent: bytes | str) -> object:
        return sent if isinstance(value, bytes) else repr(json.loads(sent, parse_float=Decimal))

    try:
        expected = marshaller.marshal_response(value)[0]
    except Exception:
        with pytest.raises(RuntimeFault):
            encode(value)
        return
    assert parsed(encode(value)) == parsed(expected)


# With halves of surrogate pairs, which UTF-8 does not have.
@given(message=st.text(st.characters()))
def test_every_error_can_be_sent_and_is_one_event_of_the_log(message: str) -> None:
    described = describe(ValueError(message), "id")
    assert json.loads(encode(described)) == described
    assert (described["errorType"], described["requestId"]) == ("ValueError", "id")
    assert log_line(described).startswith("[ERROR] ValueError: ")
    log_line(described).encode()
