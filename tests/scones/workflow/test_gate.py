"""The release gate."""

from __future__ import annotations

from typing import Any

import pytest

from scones.contract.release import Interval
from scones.errors import ModelBelowGateError
from scones.workflow.gate import require_accuracy


def evaluation(accuracy: float) -> Any:
    """Return the part of an evaluation that the gate reads."""
    return {"accuracy": Interval(value=accuracy, low=0.7, high=0.9, n=200)}


def test_an_accuracy_at_the_minimum_passes() -> None:
    assert require_accuracy(evaluation(0.8), minimum=0.8) == {"accuracy": 0.8, "minimum_accuracy": 0.8}


@pytest.mark.parametrize("accuracy", [0.79, float("nan")])
def test_any_other_accuracy_stops_the_release(accuracy: float) -> None:
    with pytest.raises(ModelBelowGateError, match="nothing was deployed"):
        require_accuracy(evaluation(accuracy), minimum=0.8)
