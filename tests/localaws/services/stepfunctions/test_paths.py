import pytest

from localaws.services.stepfunctions.paths import path_problem, payload_problem, reference_problem


@pytest.mark.parametrize("path", ["$", "$.a.b", "$.a[0]['b c'].*", "$$.Execution.Id"])
def test_a_path_of_fields_and_indexes_is_accepted(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize("path", [None, 1, "a", "$..a", "$.a[?(@.b)]", "$.a[0:2]", "$x", "$.a.length()"])
def test_a_path_that_the_engine_cannot_evaluate_is_a_problem(path: object) -> None:
    assert path_problem(path)


def test_a_result_is_written_to_a_plain_path_or_discarded() -> None:
    assert reference_problem(None) is reference_problem("$.a.b") is None
    assert reference_problem("$.a[0]")


def test_an_unknown_intrinsic_function_is_a_problem() -> None:
    assert payload_problem("States.Format('States.No({})', $.a)") is None
    assert payload_problem("States.No($.a)") == "calls the unknown function States.No"
