"""Refuses a state machine that this engine would run otherwise than AWS does. Pure.

Stricter than ministack, which ignores fields that it does not know, and than the language: a field that AWS honours
and ministack ignores is refused by name. ministack itself checks JSONata expressions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from localaws.errors import DefinitionError
from localaws.services.stepfunctions import fields
from localaws.services.stepfunctions.paths import path_problem, payload_problem, reference_problem

# Far below Python's recursion limit; each level takes several calls.
_MAX_DEPTH = 32
_TERMINAL = ("Choice", "Succeed", "Fail")
_READ_PATHS = ("InputPath", "OutputPath", "ItemsPath", "SecondsPath", "TimestampPath")
_TEMPLATES = ("Parameters", "ItemSelector", "ResultSelector")
_TIMES = ("Seconds", "Timestamp", "SecondsPath", "TimestampPath")

Object = Mapping[str, Any]


@dataclass(frozen=True)
class _Place:
    """A place in the definition, with its query language and its depth in nested states."""

    path: str
    language: str
    is_supported: Callable[[str], bool]
    depth: int = 0

    def at(self, *names: object) -> _Place:
        return replace(self, path="/".join((self.path, *map(str, names))))

    def refuse(self, why: str) -> NoReturn:
        raise DefinitionError(f"SCHEMA_VALIDATION_FAILED: {why} at {self.path or '/'}")

    def refuse_if(self, why: str | None) -> None:
        if why:
            self.refuse(why)


def check(text: object, is_supported: Callable[[str], bool]) -> None:
    """Raise DefinitionError, naming state and field, unless the definition can be run as it is written.

    `is_supported` returns whether this engine has the integration that a Task's Resource names.
    """
    try:
        definition = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise DefinitionError(f"INVALID_JSON_DESCRIPTION: {error}") from error
    check_machine(definition, is_supported)


def check_machine(definition: object, is_supported: Callable[[str], bool]) -> None:
    """Check a parsed definition; raises DefinitionError as `check` does."""
    place = _Place("", "JSONPath", is_supported)
    machine = _object(definition, place)
    _known(machine, fields.MACHINE_FIELDS, place)
    if "TimeoutSeconds" in machine:
        _number(machine["TimeoutSeconds"], place.at("TimeoutSeconds"))
    _states(machine, replace(place, language=_language(machine, place)))


def _states(machine: Object, place: _Place) -> None:
    if place.depth > _MAX_DEPTH:
        place.refuse(f"States are nested more than {_MAX_DEPTH} deep")
    states = _object(machine.get("States"), place.at("States"))
    _target(machine, "StartAt", states, place)
    for name, value in states.items():
        here = place.at("States", name)
        state = _object(value, here)
        _state(state, states, replace(here, language=_language(state, here)))


def _state(state: Object, states: Object, place: _Place) -> None:
    kind = state.get("Type")
    allowed = fields.STATE_FIELDS[place.language]
    if not isinstance(kind, str) or kind not in allowed:
        place.at("Type").refuse(f"{kind!r} is not a type of state")
    _known(state, allowed[kind], place)
    if kind not in _TERMINAL:
        _transition(state, states, place)
    _paths(state, place)
    _errors(state, states, place)
    inside = _INSIDE.get(kind)
    if inside:
        inside(state, states, place)


def _transition(state: Object, states: Object, place: _Place) -> None:
    if ("Next" in state) == ("End" in state):
        place.refuse("A state has either Next or End")
    if "Next" in state:
        _target(state, "Next", states, place)
    elif state["End"] is not True:
        place.at("End").refuse("End is true or absent")


def _paths(state: Object, place: _Place) -> None:
    for name in _READ_PATHS:
        if state.get(name) is not None:
            place.at(name).refuse_if(path_problem(state[name]))
    for name in ("ErrorPath", "CausePath"):
        if name in state:
            place.at(name).refuse_if(payload_problem(state[name]))
    if "ResultPath" in state:
        place.at("ResultPath").refuse_if(reference_problem(state["ResultPath"]))
    for name in _TEMPLATES:
        _template(state.get(name), place.at(name), has_context=name != "ResultSelector")


def _template(value: object, place: _Place, has_context: bool, depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        place.refuse(f"A template is nested more than {_MAX_DEPTH} deep")
    if isinstance(value, list):
        for index, inner in enumerate(value):
            _template(inner, place.at(index), has_context, depth + 1)
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.endswith(".$"):
                place.at(name).refuse_if(payload_problem(inner))
                if not has_context and inner.startswith("$$"):
                    place.at(name).refuse("The context object cannot be read here by this engine")
            _template(inner, place.at(name), has_context, depth + 1)


def _errors(state: Object, states: Object, place: _Place) -> None:
    for field, allowed in (("Retry", fields.RETRY_FIELDS), ("Catch", fields.CATCH_FIELDS[place.language])):
        for index, value in enumerate(_list(state.get(field, []), place.at(field))):
            here = place.at(field, index)
            rule = _object(value, here)
            _known(rule, allowed, here)
            names = _list(rule.get("ErrorEquals"), here.at("ErrorEquals"))
            if not names or not all(isinstance(name, str) for name in names):
                here.at("ErrorEquals").refuse("Names of errors are missing")
            if field == "Catch":
                _target(rule, "Next", states, here)
                here.at("ResultPath").refuse_if(reference_problem(rule.get("ResultPath")))
            else:
                _delays(rule, here)


def _delays(rule: Object, place: _Place) -> None:
    for name, minimum in (("IntervalSeconds", 1), ("MaxAttempts", 0), ("BackoffRate", 1), ("MaxDelaySeconds", 1)):
        if name in rule:
            _number(rule[name], place.at(name), minimum)
    if rule.get("JitterStrategy", "NONE") not in ("NONE", "FULL"):
        place.at("JitterStrategy").refuse("JitterStrategy is NONE or FULL")


def _task(state: Object, _states_here: Object, place: _Place) -> None:
    resource = state.get("Resource")
    if not isinstance(resource, str) or not place.is_supported(resource):
        place.at("Resource").refuse(f"The integration {resource!r} is not supported by this engine")
    seconds = state.get("TimeoutSeconds", 1)
    if not (place.language == "JSONata" and _is_expression(seconds)):
        _number(seconds, place.at("TimeoutSeconds"))


def _is_expression(value: object) -> bool:
    return isinstance(value, str) and value.startswith("{%") and value.endswith("%}")


def _choice(state: Object, states: Object, place: _Place) -> None:
    rules = _list(state.get("Choices"), place.at("Choices"))
    if not rules:
        place.at("Choices").refuse("A Choice has at least one rule")
    for index, value in enumerate(rules):
        here = place.at("Choices", index)
        rule = _object(value, here)
        _target(rule, "Next", states, here)
        if place.language == "JSONata":
            _known(rule, fields.JSONATA_RULE_FIELDS, here)
            if "Condition" not in rule:
                here.at("Condition").refuse("Condition is missing")
        else:
            _comparison(rule, here, {"Next", "Comment"})
    if "Default" in state:
        _target(state, "Default", states, place)


def _comparison(rule: Object, place: _Place, besides: Collection[str] = (), depth: int = 0) -> None:
    if depth > _MAX_DEPTH:
        place.refuse(f"Rules are nested more than {_MAX_DEPTH} deep")
    tests = set(rule) - set(besides)
    combined = tests & {"And", "Or", "Not"}
    if combined:
        _known(rule, {*besides, min(combined)}, place)
        inner = rule[min(combined)]
        parts = [inner] if combined == {"Not"} else _list(inner, place.at(min(combined)))
        for index, part in enumerate(parts):
            here = place.at(min(combined), index)
            _comparison(_object(part, here), here, depth=depth + 1)
        return
    place.at("Variable").refuse_if(path_problem(rule.get("Variable")))
    _known(rule, {*besides, "Variable", *fields.COMPARISONS}, place)
    operators = tests - {"Variable"}
    if len(operators) != 1:
        place.refuse("A rule has exactly one comparison")
    operator = operators.pop()
    if operator.endswith("Path"):
        place.at(operator).refuse_if(path_problem(rule[operator]))


def _wait(state: Object, _states_here: Object, place: _Place) -> None:
    times = [name for name in _TIMES if name in state]
    if len(times) != 1:
        place.refuse(f"A Wait has exactly one of {', '.join(_TIMES)}")
    if place.language == "JSONPath" and times == ["Seconds"]:
        _number(state["Seconds"], place.at("Seconds"), 0)


def _parallel(state: Object, _states_here: Object, place: _Place) -> None:
    branches = _list(state.get("Branches"), place.at("Branches"))
    if not branches:
        place.at("Branches").refuse("A Parallel has at least one branch")
    for index, branch in enumerate(branches):
        _nested(branch, fields.BRANCH_FIELDS, place.at("Branches", index))


def _map(state: Object, _states_here: Object, place: _Place) -> None:
    name = "Iterator" if "Iterator" in state else "ItemProcessor"
    processor = _nested(state.get(name), fields.PROCESSOR_FIELDS, place.at(name))
    mode = _object(processor.get("ProcessorConfig", {}), place.at(name, "ProcessorConfig")).get("Mode", "INLINE")
    if mode == "DISTRIBUTED" and place.language == "JSONata":
        place.at(name, "ProcessorConfig").refuse("A distributed Map needs JSONPath in this engine")
    if mode != "DISTRIBUTED":
        _known(state, fields.STATE_FIELDS[place.language]["Map"] - fields.DISTRIBUTED_FIELDS, place)
    if place.language == "JSONPath" and "MaxConcurrency" in state:
        _number(state["MaxConcurrency"], place.at("MaxConcurrency"), 0)
    if "ItemReader" in state:
        here = place.at("ItemReader")
        reader = _object(state["ItemReader"], here)
        _known(reader, fields.READER_FIELDS, here)
        if reader.get("Resource") not in fields.READERS:
            here.at("Resource").refuse(f"The reader {reader.get('Resource')!r} is not supported by this engine")
        _template(reader.get("Parameters"), here.at("Parameters"), has_context=True)


_INSIDE = {"Task": _task, "Choice": _choice, "Wait": _wait, "Parallel": _parallel, "Map": _map}


def _nested(value: object, allowed: Collection[str], place: _Place) -> Object:
    machine = _object(value, place)
    _known(machine, allowed, place)
    _states(machine, replace(place, depth=place.depth + 1))
    return machine


def _object(value: object, place: _Place) -> Object:
    if not isinstance(value, dict):
        place.refuse("A JSON object is missing")
    return value


def _list(value: object, place: _Place) -> list[Any]:
    if not isinstance(value, list):
        place.refuse("A JSON array is missing")
    return value


def _number(value: object, place: _Place, minimum: float = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= 99_999_999:
        place.refuse(f"A number from {minimum} to 99999999 is needed")


def _language(holder: Object, place: _Place) -> str:
    language = holder.get("QueryLanguage", place.language)
    if not isinstance(language, str) or language not in fields.STATE_FIELDS:
        place.at("QueryLanguage").refuse(f"{language!r} is not a query language")
    return language


def _known(holder: Object, allowed: Collection[str], place: _Place) -> None:
    for name in holder:
        if name not in allowed:
            place.at(name).refuse(f"The field {name!r} is unknown, or not honoured here by this engine,")


def _target(holder: Object, field: str, states: Object, place: _Place) -> None:
    name = holder.get(field)
    if not isinstance(name, str) or name not in states:
        place.at(field).refuse(f"MISSING_TRANSITION_TARGET: the state {name!r} does not exist")
