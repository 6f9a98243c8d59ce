import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.items import from_item, to_attribute, to_item

values = st.recursive(
    st.text() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_an_item_reads_back_as_it_was_written(row: dict[str, object]) -> None:
    assert from_item(to_item(row)) == row


def test_none_is_left_out() -> None:
    assert to_item({"a": None, "b": "x"}) == {"b": {"S": "x"}}


@pytest.mark.parametrize("value", [True, b"x", {1}])
def test_what_no_table_holds_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="has no place in a table"):
        to_attribute(value)
