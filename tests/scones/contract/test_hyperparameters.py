from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.hyperparameters import RANGES, Hyperparameters, parse


def test_missing_values_have_the_defaults() -> None:
    assert parse({}) == Hyperparameters()


def test_strings_become_numbers() -> None:
    parsed = parse({"epochs": "7", "learning_rate": "1e-3", "digest": "0af"})
    assert parsed == Hyperparameters(epochs=7, learning_rate=0.001, digest="0af")
    assert type(parsed.epochs) is int


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "-1", "1e300", 3, None, ["1"]])
def test_a_value_out_of_range_is_named_with_its_range(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .* from .* to ") as caught:
        parse({name: value})
    assert f"{RANGES[name][1]:g}" in str(caught.value)


def test_whole_numbers_are_not_rounded() -> None:
    with pytest.raises(ValueError, match="whole number"):
        parse({"epochs": "2.5"})


def test_an_unknown_name_is_listed_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'epoch' .*; did you mean epochs\? The known ones are epochs, "):
        parse({"epoch": "3"})


@pytest.mark.parametrize("value", ["xyz", "../..", "a" * 65, 5])
def test_a_malformed_digest_is_rejected(value: object) -> None:
    with pytest.raises(ValueError, match=r"^digest is"):
        parse({"digest": value})


@given(
    st.dictionaries(
        st.sampled_from([*RANGES, "digest", "alpha", "backbone"]) | st.text(), st.text() | st.none() | st.integers()
    )
)
def test_any_value_is_parsed_within_its_range_or_rejected(values: dict[str, object]) -> None:
    try:
        parsed = asdict(parse(values))
    except ValueError:
        return
    assert all(low <= parsed[name] <= high for name, (low, high) in RANGES.items())


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        ("0.02", [0.02, 0.02]),
        ("bicycle:0.05,motorcycle:0.01", [0.05, 0.01]),
        (" motorcycle:.5, bicycle:.1 ", [0.1, 0.5]),
    ],
)
def test_alpha_is_one_number_or_one_for_each_class(alpha: str, expected: list[float]) -> None:
    assert parse({"alpha": alpha}).alphas(["bicycle", "motorcycle"]) == expected


@pytest.mark.parametrize("alpha", ["bicycle:0.05", "bicycle:0.05,car:0.01", "0.1,bicycle:0.1"])
def test_alphas_of_unknown_classes_are_rejected(alpha: str) -> None:
    with pytest.raises(ValueError, match="give one number, or one for each"):
        parse({"alpha": alpha}).alphas(["bicycle", "motorcycle"])


@pytest.mark.parametrize("alpha", ["", "0", "0.6", "1e-2", "nan", "-0.1", "bicycle", "bicycle:"])
def test_a_malformed_alpha_is_rejected(alpha: str) -> None:
    with pytest.raises(ValueError, match="it must be a share"):
        parse({"alpha": alpha})


def test_an_unknown_backbone_is_rejected() -> None:
    with pytest.raises(ValueError, match="default or none"):
        parse({"backbone": "resnet152"})


@given(st.builds(Hyperparameters, **{name: st.integers(2, 10) for name in ("epochs", "batch_size", "folds")}))
def test_parameters_survive_the_conversion_to_strings(parameters: Hyperparameters) -> None:
    assert parse({name: str(value) for name, value in asdict(parameters).items()}) == parameters
