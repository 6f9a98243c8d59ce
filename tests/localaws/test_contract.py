"""Every name of ministack that localaws plugs into, so that a release which moves one is told by this test."""

import inspect
import json
import subprocess
import sys
from importlib.metadata import version

import pytest

from localaws.services.stepfunctions.timing import _ENGINE_HEAD_START

PARAMETERS = {
    "app._get_module": ["name"],
    "app._load_persisted_state": [],
    "app.call_service_handler_sync": ["handler", "method", "path", "headers", "body", "query_params", "timeout"],
    "app.save_all": ["services"],
    "core.lambda_runtime._worker_class_for": ["config"],
    "core.lambda_runtime.acquire_worker": ["func_name", "config", "code_zip", "qualifier", "max_concurrency"],
    "core.lambda_runtime.execution_credentials": ["config"],
    "core.lambda_runtime.release_worker": ["worker"],
    "core.persistence._json_default": ["obj"],
    "core.persistence._json_object_hook": ["obj"],
    "core.responses.AccountRegionScopedDict._is_mine": ["self", "scoped_key"],
    "core.responses.AccountRegionScopedDict._scoped": ["self", "key"],
    "core.responses.AccountScopedDict._is_mine": ["self", "scoped_key"],
    "core.responses.AccountScopedDict._scoped": ["self", "key"],
    "services.cloudformation.provisioners._lambda_update": [
        "physical_id", "old_props", "new_props", "stack_name", "logical_id",
    ],
    "services.cloudformation.provisioners._sfn_definition": ["props"],
    "services.cloudformation.provisioners._sfn_handler_error": ["message"],
    "services.cloudwatch_logs._create_log_group": ["data"],
    "services.cloudwatch_logs._create_log_stream": ["data"],
    "services.cloudwatch_logs._put_log_events": ["data"],
    "services.dynamodb._condition_syntax_error": ["expr", "slot"],
    "services.dynamodb._evaluate_condition": ["expr", "item", "attr_values", "attr_names", "slot"],
    "services.dynamodb._tokenize": ["expr"],
    "services.dynamodb._remove_item": ["table", "pk_val", "sk_val"],
    "services.dynamodb._set_item": ["table", "pk_val", "sk_val", "item"],
    "services.lambda_svc._ensure_reaper_thread": [],
    "services.lambda_svc._execute_function_warm": ["func", "event", "request_id"],
    "services.lambda_svc._execute_function_with_config_scope": ["func", "event"],
    "services.lambda_svc._provided_runtime_code_dir": ["code_zip"],
    "services.lambda_svc._resolve_layer_zip": ["attachment"],
    "services.eventbridge._dispatch_event": ["event", "view"],
    "services.eventbridge._events_log_list": [],
    "services.s3._fire_s3_event": [
        "bucket_name", "key", "event_name", "size", "etag", "deletion_type", "restore_event_data", "version_id",
        "sequencer", "object_extra", "record_extra",
    ],
    "services.s3._persist_displaced_version": ["bucket_name", "key", "prior_obj", "versioning"],
    "services.s3._version_file_exists": ["bucket_name", "key", "version_id", "account_id"],
    "services.s3._persist_object": ["bucket", "key", "obj"],
    "services.lambda_svc._xray_trace_id_for_invocation": ["config", "inbound_trace_header"],
    "services.stepfunctions._add_event": ["execution", "event_type", "details"],
    "services.stepfunctions._emit_execution_status_event": ["execution"],
    "services.stepfunctions._fail_execution": ["execution", "error", "cause"],
    "services.stepfunctions._find_matching_retrier": ["retriers", "error", "retry_counts"],
    "services.stepfunctions._invoke_resource": ["resource", "input_data"],
    "services.stepfunctions._run_execution": ["exec_arn"],
    "services.stepfunctions._validate_definition_jsonata": ["definition_str"],
    "services.cloudformation.provisioners._sfn_state_machine_update": [
        "physical_id", "old_props", "new_props", "stack_name", "logical_id",
    ],
    "services.stepfunctions._validate_state_machine_definition": ["data"],
}  # fmt: skip
VALUES = {
    "app.SERVICE_HANDLERS": "dict",
    "app._loaded_modules": "dict",
    "app._state_map": "dict",
    "services.cloudformation.provisioners._RESOURCE_HANDLERS": "dict",
    "services.cloudwatch_logs._log_groups": "AccountRegionScopedDict",
    "services.cloudwatch_logs._log_records": "AccountRegionScopedDict",
    "services.dynamodb._tables": "AccountRegionScopedDict",
    "services.dynamodb._tags": "AccountRegionScopedDict",
    "services.stepfunctions._AWS_SDK_ERROR_PREFIX": "dict",
    "services.stepfunctions._AWS_SDK_SERVICE_MAP": "dict",
    "services.stepfunctions._REST_XML_OP_SPECS": "dict",
    "services.stepfunctions._SERVICE_DISPATCH": "dict",
    "services.stepfunctions._executions": "AccountRegionScopedDict",
    "services.stepfunctions._state_machines": "AccountRegionScopedDict",
}
# The engine reads its environment when it is imported, so it is looked at in a process of its own.
LOOK = """
import importlib, inspect, json, sys
from localaws.persistence.snapshot import LIVE_STORES
def find(path):
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value = importlib.import_module("ministack." + ".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            value = getattr(value, part)
        return value
parameters, values = json.loads(sys.argv[1])
found = {
    "parameters": {path: list(inspect.signature(find(path)).parameters) for path in parameters},
    "values": {path: type(find(path)).__name__ for path in values},
    "stores": {s: sorted(find("services." + s).get_state()) for s in LIVE_STORES},
    "live": {s: sorted(names) for s, names in LIVE_STORES.items()},
    "begins": inspect.getsource(find("services.stepfunctions._run_execution")),
}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, object]]:
    argv = [sys.executable, "-c", LOOK, json.dumps([list(PARAMETERS), list(VALUES)])]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    result: dict[str, dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_ministack_is_the_release_that_was_looked_at() -> None:
    assert version("ministack") == "1.5.33"


def test_functions_take_what_they_are_given(found: dict[str, dict[str, object]]) -> None:
    assert found["parameters"] == PARAMETERS


def test_registries_are_what_they_are_used_as(found: dict[str, dict[str, object]]) -> None:
    assert found["values"] == VALUES


def test_services_that_are_read_in_place_have_no_other_state(found: dict[str, dict[str, object]]) -> None:
    assert found["live"] == found["stores"]


def test_an_execution_begins_with_the_wait_that_is_left_out(found: dict[str, str]) -> None:
    assert f"\n    time.sleep({_ENGINE_HEAD_START})\n" in found["begins"]


def test_the_runtime_client_finds_its_handler_by_name() -> None:
    bootstrap = pytest.importorskip("awslambdaric.bootstrap")
    assert list(inspect.signature(bootstrap.run).parameters) == ["handler", "lambda_runtime_client"]
