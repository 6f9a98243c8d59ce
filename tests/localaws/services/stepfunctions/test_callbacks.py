"""Tasks that wait for an answer: which token, which answer counts, and what AWS says to the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

Create = Callable[..., str]
Described = Callable[..., dict[str, Any]]
Eventually = Callable[..., Any]

# Writes down the tokens that it is given and of which attempt, where the test can read them whichever sandbox ran.
ASKING = """
class Unwell(Exception): pass
def handler(event, context):
    with open({file!r}, "a") as file: print(event["attempt"], event["token"], file=file)
    if event["is_unwell"]: raise Unwell
"""


class Waiting:
    """A machine whose one Task waits, and what its function was given."""

    def __init__(
        self, client: Any, create: Create, function: str, file: Path, eventually: Eventually, **fields: Any
    ) -> None:
        self.client, self._file, self._eventually = client, file, eventually
        payload = {
            "token": "{% $states.context.Task.Token %}",
            "attempt": "{% $states.context.State.RetryCount %}",
            "is_unwell": "{% $states.input.is_unwell %}",
        }
        task = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {"FunctionName": function, "Payload": payload},
            "Catch": [
                {"ErrorEquals": ["States.ALL"], "Output": "{% {'caught': $states.errorOutput.Error} %}", "Next": "End"}
            ],
            "Next": "End",
            **fields,
        }
        states = {"Ask": task, "End": {"Type": "Pass", "End": True}}
        self._arn = create(function, {"QueryLanguage": "JSONata", "StartAt": "Ask", "States": states})

    def start(self, **data: Any) -> str:
        text = json.dumps({"is_unwell": False, **data})
        return str(self.client.start_execution(stateMachineArn=self._arn, input=text)["executionArn"])

    def tokens(self, count: int = 1) -> list[str]:
        """The tokens in the order of their attempts, once there are so many."""
        self._eventually(lambda: len(self._file.read_text().splitlines()) >= count)
        attempts = (line.split() for line in self._file.read_text().splitlines())
        return [token for _, token in sorted(attempts, key=lambda pair: int(pair[0]))]

    def answer(self, token: str, value: object) -> str:
        """OK, or the name of AWS's refusal."""
        try:
            self.client.send_task_success(taskToken=token, output=json.dumps(value))
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "OK"


@pytest.fixture
def waiting(
    localaws: Any, create: Create, make_function: Callable[..., str], eventually: Eventually, tmp_path: Path
) -> Callable[..., Waiting]:
    file = tmp_path / "tokens"
    file.touch()

    def made(**fields: Any) -> Waiting:
        function = make_function(ASKING.format(file=str(file)))
        return Waiting(localaws.client("stepfunctions"), create, function, file, eventually, **fields)

    return made


def test_of_many_answers_at_once_one_counts_and_the_others_are_told_so(
    waiting: Callable[..., Waiting], end_of: Described
) -> None:
    machine = waiting(TimeoutSeconds=6000)
    execution = machine.start()
    token = machine.tokens()[0]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: machine.answer(token, n), range(8)))
    assert sorted(answers) == ["OK"] + ["TaskTimedOut"] * 7
    assert json.loads(end_of(execution)["output"]) == answers.index("OK")
    assert machine.answer(token, "late") == "TaskTimedOut"


@pytest.mark.parametrize("seconds", [1, "{% $states.input.seconds %}"])
def test_a_task_that_nobody_answers_times_out(
    waiting: Callable[..., Waiting], end_of: Described, seconds: object
) -> None:
    machine = waiting(TimeoutSeconds=seconds)
    assert json.loads(end_of(machine.start(seconds=1))["output"]) == {"caught": "States.Timeout"}
    assert machine.answer(machine.tokens()[0], "late") == "TaskTimedOut"


def test_a_function_that_raises_fails_its_task_at_once(waiting: Callable[..., Waiting], end_of: Described) -> None:
    assert json.loads(end_of(waiting(TimeoutSeconds=600).start(is_unwell=True))["output"]) == {"caught": "Unwell"}


def test_the_history_tells_which_call_asked_and_that_it_was_asked_before_it_was_answered(
    waiting: Callable[..., Waiting], end_of: Described
) -> None:
    machine = waiting(TimeoutSeconds=6000)
    execution = machine.start()
    machine.answer(machine.tokens()[0], "yes")
    end_of(execution)
    events = machine.client.get_execution_history(executionArn=execution)["events"]
    tasks = {event["type"]: event for event in events if event["type"].startswith("Task")}
    assert list(tasks)[:3] == ["TaskStateEntered", "TaskScheduled", "TaskSubmitted"]
    asked = json.loads(tasks["TaskSubmitted"]["taskSubmittedEventDetails"]["output"])
    assert len(asked["SdkResponseMetadata"]["RequestId"]) == 36


def test_each_attempt_has_a_token_of_its_own(
    waiting: Callable[..., Waiting], end_of: Described, eventually: Eventually
) -> None:
    # A slow machine may miss the second attempt, and answer a later one.
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 60}]
    machine = waiting(TimeoutSeconds=2, Retry=retry)
    execution = machine.start()
    assert machine.answer(machine.tokens(2)[0], "of the first") == "TaskTimedOut"
    eventually(lambda: machine.answer(machine.tokens()[-1], "of a later one") == "OK")
    assert json.loads(end_of(execution)["output"]) == "of a later one"
    assert len(set(machine.tokens())) == len(machine.tokens())


def test_an_execution_that_was_stopped_takes_no_answer(waiting: Callable[..., Waiting]) -> None:
    machine = waiting()
    execution = machine.start()
    token = machine.tokens()[0]
    machine.client.stop_execution(executionArn=execution)
    assert machine.answer(token, "late") == "TaskTimedOut"


def test_what_is_no_token_and_what_is_no_json_is_refused(waiting: Callable[..., Waiting], end_of: Described) -> None:
    machine = waiting(TimeoutSeconds=6000)
    execution = machine.start()
    token = machine.tokens()[0]
    assert machine.answer("no token", 1) == "InvalidToken"
    with pytest.raises(machine.client.exceptions.InvalidOutput):
        machine.client.send_task_success(taskToken=token, output="{")
    machine.client.send_task_failure(taskToken=token, error="Refused", cause="why not")
    assert json.loads(end_of(execution)["output"]) == {"caught": "Refused"}
