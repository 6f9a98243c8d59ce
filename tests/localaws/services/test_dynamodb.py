"""A condition without the parser says what it says with it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ministack.services import dynamodb

from localaws.services.dynamodb import evaluate_condition

TEXTS = st.sampled_from(["OPEN", "open", "", "ASSIGNED"])
VALUES = st.one_of(TEXTS.map(lambda text: {"S": text}), st.integers(0, 2).map(lambda n: {"N": str(n)}))
EXPRESSIONS = ["#state = :state", " #state=:state ", "#state = :state AND #at < :at", "#at = :at", "#at > :state"]
NAMES = {"#state": "state", "#at": "at"}


@given(
    st.sampled_from(EXPRESSIONS),
    st.dictionaries(st.sampled_from(["state", "at", "other"]), VALUES),
    st.fixed_dictionaries({":state": VALUES, ":at": VALUES}),
)
def test_a_query_by_one_text_needs_no_parser(expression: str, item: dict[str, Any], values: dict[str, Any]) -> None:
    request = (expression, item, values, NAMES)
    assert evaluate_condition(*request, slot="KeyConditionExpression") == dynamodb._evaluate_condition(
        *request, slot="KeyConditionExpression"
    )
