"""The private names of ministack that localaws uses: a test fails with the name if a release moves one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ministack import app
from ministack.core import responses, router
from ministack.services import eventbridge, sqs, stepfunctions, tagging
from ministack.services.cloudformation import provisioners, stacks


def _parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_the_engine_has_the_registries_that_services_enter() -> None:
    for registry in (app._loaded_modules, app._state_map, app.SERVICE_REGISTRY, app.SERVICE_HANDLERS):
        assert isinstance(registry, dict)
    assert {"s3", "logs"} <= app.SERVICE_HANDLERS.keys()
    assert "target_prefixes" in router.SERVICE_PATTERNS["sqs"]
    assert "sagemaker" not in app._registry_state_map()


def test_calls_in_process_have_the_expected_parameters() -> None:
    assert _parameters(app.call_service_handler_sync)[:6] == [
        "handler",
        "method",
        "path",
        "headers",
        "body",
        "query_params",
    ]
    assert _parameters(responses.request_scope) == ["account_id", "region"]
    store = responses.AccountRegionScopedDict()
    store["name"] = {"a": 1}
    assert responses.AccountRegionScopedDict.from_dict(store.to_dict())["name"] == {"a": 1}
    assert list(store.to_dict()) == [(responses.get_account_id(), responses.get_region(), "name")]


def test_the_engine_rewrites_no_lower_case_content_type() -> None:
    headers = {"content-type": "application/json"}
    responses.fix_success_content_type("sagemaker", 200, headers)
    assert headers == {"content-type": "application/json"}


def test_cloudformation_has_its_tables() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::OpenSearchService::Domain"]
    assert {"create", "update", "delete", "update_with_logical_id"} <= handlers.keys()
    assert provisioners._STACK_TAG_PROPERTY["AWS::ApiGateway::ApiKey"] == ("Tags", "list")
    assert provisioners._CUSTOM_NAME_REPLACEMENT["AWS::Pipes::Pipe"].keys() == {"name", "requires_replacement"}
    assert _parameters(provisioners._physical_name)[:2] == ["stack_name", "logical_id"]
    assert _parameters(provisioners._seeded_create) == ["create_fn", "logical_id", "props", "stack_name"]
    assert _parameters(provisioners._delete_predecessor) == ["delete_fn", "args", "kwargs"]
    assert _parameters(stacks._runs_on_worker_thread) == ["resource_type"]


def test_step_functions_dispatches_by_prefix() -> None:
    assert "arn:aws:states:::sqs:sendMessage" in stepfunctions._SERVICE_DISPATCH
    assert _parameters(stepfunctions._run_execution) == ["exec_arn"]
    assert "execution" in inspect.getsource(stepfunctions._start_execution)
    error = stepfunctions._ExecutionError("Name", "cause")
    assert (error.error, error.cause) == ("Name", "cause")


def test_step_functions_has_tables_of_sdk_services() -> None:
    assert {"target_prefix", "protocol", "service_key"} <= stepfunctions._AWS_SDK_SERVICE_MAP["sfn"].keys()
    assert isinstance(stepfunctions._AWS_SDK_ERROR_PREFIX["dynamodb"], str)
    assert isinstance(stepfunctions._executions, responses.AccountRegionScopedDict)


def test_a_task_runs_through_the_functions_that_localaws_replaces() -> None:
    assert _parameters(stepfunctions._execute_task) == ["state_def", "raw_input", "execution", "ctx"]
    assert _parameters(stepfunctions._invoke_with_callback) == ["resource", "input_data", "token", "state_def"]
    assert _parameters(stepfunctions._invoke_resource_with_timeout) == ["resource", "input_data", "timeout"]
    for apply in (stepfunctions._apply_parameters, stepfunctions._apply_jsonata_arguments):
        assert _parameters(apply)[2] == "ctx"
    for answer in (stepfunctions._send_task_success, stepfunctions._send_task_failure, stepfunctions._start_execution):
        assert _parameters(answer) == ["data"]


def test_eventbridge_sends_to_one_target_at_a_time() -> None:
    assert _parameters(eventbridge._invoke_target) == ["target", "event", "rule", "view"]
    assert _parameters(sqs._act_send_message) == ["data", "qurl"]


def test_tagging_asks_collectors_writers_and_removers() -> None:
    assert _parameters(tagging._COLLECTORS["sqs"]) == []
    assert _parameters(tagging._WRITERS["sqs"])[1:] == ["arn", "tags"]
    assert _parameters(tagging._REMOVERS["sqs"])[1:] == ["arn", "keys"]
