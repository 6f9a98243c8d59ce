"""Step Functions on this machine: ministack's interpreter with AWS's delays, which refuses what it cannot run.

Definitions are checked in CreateStateMachine, UpdateStateMachine, ValidateStateMachineDefinition and CloudFormation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any

from ministack.core.responses import json_response
from ministack.services import lambda_svc
from ministack.services import stepfunctions as engine
from ministack.services.cloudformation import provisioners

from localaws.errors import DefinitionError
from localaws.faults.injector import injector
from localaws.services.stepfunctions import callbacks, context, executions, faults, histories, invocations, nested
from localaws.services.stepfunctions.definition import check
from localaws.services.stepfunctions.integrations import is_supported
from localaws.services.stepfunctions.timing import fail, find_retrier, run_in_time, sleep

Problem = Callable[[object], str | None]


def install(resources: Callable[[], Collection[str]]) -> None:
    """Put the checks and the delays into ministack; `resources` returns the further Resources that a Task may have."""
    problem_of = _checker(engine._validate_definition_jsonata, resources)
    engine._validate_definition_jsonata = problem_of
    engine._validate_state_machine_definition = _validator(problem_of)
    provisioners._sfn_definition = _template_reader(provisioners._sfn_definition, problem_of)
    engine._find_matching_retrier = find_retrier
    engine._run_execution = context.remembered(histories.packing(run_in_time))
    engine._fail_execution = fail
    engine._start_execution = executions.start
    engine._invoke_nested_start_execution_sync = nested.start_and_wait
    engine._invoke_resource = faults.failing(invocations.invoke, injector)
    lambda_svc._execute_function_with_config_scope = invocations.execute
    engine._execute_task = callbacks.execute_task
    engine._invoke_with_callback = callbacks.wait_for_answer
    engine._send_task_success = callbacks.send_success
    engine._send_task_failure = callbacks.send_failure
    for name in ("_apply_parameters", "_apply_jsonata_arguments"):
        setattr(engine, name, callbacks.with_new_token(getattr(engine, name)))
    # The module's own view of `time`, with another `sleep`: the time module itself is shared by the whole server.
    engine.time = SimpleNamespace(**{**vars(engine.time), "sleep": sleep})


def _checker(check_jsonata: Problem, resources: Callable[[], Collection[str]]) -> Problem:
    def problem_of(definition: object) -> str | None:
        try:
            check(definition, lambda resource: is_supported(resource) or resource in resources())
        except DefinitionError as error:
            return f"Invalid State Machine Definition: '{error}'"
        return check_jsonata(definition)

    return problem_of


def _validator(problem_of: Problem) -> Callable[[Mapping[str, Any]], object]:
    def validate(request: Mapping[str, Any]) -> object:
        problem = problem_of(request.get("definition"))
        if problem is None:
            return json_response({"result": "OK", "diagnostics": [], "truncated": False})
        diagnostic = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": problem}
        return json_response({"result": "FAIL", "diagnostics": [diagnostic], "truncated": False})

    return validate


def _template_reader(
    read: Callable[[Mapping[str, Any]], str], problem_of: Problem
) -> Callable[[Mapping[str, Any]], str]:
    def definition_of(properties: Mapping[str, Any]) -> str:
        definition = read(properties)
        problem = problem_of(definition)
        if problem is not None:
            raise provisioners._sfn_handler_error(f"{problem} (Service: Sfn, Status Code: 400, InvalidDefinition)")
        return definition

    return definition_of
