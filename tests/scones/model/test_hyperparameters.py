from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import HyperparameterError
from scones.model.hyperparameters import RANGES, Hyperparameters, parse


def test_nothing_gives_the_defaults() -> None:
    assert parse({}) == Hyperparameters()


def test_strings_become_numbers() -> None:
    parsed = parse({"epochs": "7", "learning_rate": "1e-3", "manifest": "0af"})
    assert parsed == Hyperparameters(epochs=7, learning_rate=0.001, manifest="0af")
    assert type(parsed.epochs) is int


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "-1", "1e300", 3, None, ["1"]])
def test_a_value_out_of_range_is_named_with_what_is_allowed(name: str, value: object) -> None:
    with pytest.raises(HyperparameterError, match=rf"^{name} is .* from .* to ") as caught:
        parse({name: value})
    assert f"{RANGES[name][1]:g}" in str(caught.value)


def test_whole_numbers_are_not_rounded() -> None:
    with pytest.raises(HyperparameterError, match="whole number"):
        parse({"epochs": "2.5"})


def test_an_unknown_name_is_named_beside_the_known_ones() -> None:
    with pytest.raises(HyperparameterError, match=r"'epoch' is no hyperparameter; the known ones are epochs"):
        parse({"epoch": "3"})


@pytest.mark.parametrize("value", ["xyz", "../..", "a" * 65, 5])
def test_a_manifest_that_is_no_digest_is_refused(value: object) -> None:
    with pytest.raises(HyperparameterError, match=r"^manifest is"):
        parse({"manifest": value})


@given(st.dictionaries(st.sampled_from([*RANGES, "manifest"]) | st.text(), st.text() | st.none() | st.integers()))
def test_anything_is_parsed_within_range_or_refused_by_name(values: dict[str, object]) -> None:
    try:
        parsed = asdict(parse(values))
    except HyperparameterError:
        return
    assert all(low <= parsed[name] <= high for name, (low, high) in RANGES.items())


@given(st.builds(Hyperparameters, **{name: st.integers(2, 100) for name in ("epochs", "batch_size", "seed")}))
def test_what_is_written_as_strings_is_read_back(parameters: Hyperparameters) -> None:
    assert parse({name: str(value) for name, value in asdict(parameters).items()}) == parameters
