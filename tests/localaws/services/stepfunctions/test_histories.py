"""Needs the engine in this process: a history is compared with the list whose place it takes."""

import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from localaws.services.stepfunctions.histories import History

TEXTS = st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers() | st.none(), max_size=4)


@given(st.lists(TEXTS), st.lists(TEXTS, max_size=2))
def test_a_history_is_read_as_the_list_that_it_was(events: list[Any], late: list[Any]) -> None:
    history = History(events)
    for event in late:
        history.append(event)
    whole = events + late
    assert list(history) == whole
    assert len(history) == len(whole)
    assert [history[place] for place in range(-len(whole), len(whole))] == whole + whole
    assert list(reversed(history)) == whole[::-1]


def test_what_every_state_repeats_is_kept_once() -> None:
    data = {"data": {"s3_key": "arrivals/camera/1.png", "labels": ["bicycle", "motorcycle"]}}
    events = [{"id": n, "stateEnteredEventDetails": {"input": str(data) * 20}} for n in range(30)]
    size = sum(len(str(event)) for event in events)
    assert sys.getsizeof(History(events)._packed) < size / 10
