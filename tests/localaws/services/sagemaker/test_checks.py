"""Checks beyond the service model."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.services.sagemaker import checks
from localaws.wire import ValidationException

REQUEST: dict[str, Any] = {"Outer": {"Inner": "a", "Empty": [], "Off": False}}


def test_a_missing_path_has_the_message_of_aws() -> None:
    checks.require(REQUEST, "Outer.Inner")
    with pytest.raises(ValidationException, match=r"Value null at 'outer\.missing' failed to satisfy constraint"):
        checks.require(REQUEST, "Outer.Inner", "Outer.Missing")
    with pytest.raises(ValidationException, match=r"'outer\.inner\.deeper'"):
        checks.require(REQUEST, "Outer.Inner.Deeper")


def test_a_member_that_is_not_implemented_is_refused_unless_it_is_empty() -> None:
    checks.refuse(REQUEST, "Outer.Missing", "Outer.Empty", "Outer.Off")
    with pytest.raises(ValidationException, match=r"Outer\.Inner is not implemented"):
        checks.refuse(REQUEST, "Outer.Inner")


def test_only_the_implemented_values_are_allowed() -> None:
    checks.allow(REQUEST, "Outer.Inner", "b", "a")
    checks.allow(REQUEST, "Outer.Missing", "b")
    with pytest.raises(ValidationException, match=r"Outer\.Inner='a' is not implemented .* only 'b' is"):
        checks.allow(REQUEST, "Outer.Inner", "b")


def test_a_metric_definition_needs_a_valid_regex() -> None:
    checks.require_valid_regexes([{"Name": "loss", "Regex": "loss=(.*)"}])
    with pytest.raises(ValidationException, match="MetricDefinition loss: invalid Regex"):
        checks.require_valid_regexes([{"Name": "loss", "Regex": "loss=("}])
