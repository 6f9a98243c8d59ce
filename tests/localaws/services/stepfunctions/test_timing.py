from hypothesis import given
from hypothesis import strategies as st

from localaws.services.stepfunctions.timing import delay_seconds

RETRIERS = st.fixed_dictionaries(
    {},
    optional={
        "IntervalSeconds": st.integers(1, 99_999_999),
        "BackoffRate": st.floats(1, 99),
        "MaxDelaySeconds": st.integers(1, 31_622_400),
        "JitterStrategy": st.sampled_from(["NONE", "FULL"]),
    },
)


def test_delays_grow_by_the_backoff_rate_up_to_the_longest() -> None:
    retrier = {"IntervalSeconds": 3, "BackoffRate": 2, "MaxDelaySeconds": 10}
    assert [delay_seconds(retrier, retries, 0.5) for retries in range(4)] == [3, 6, 10, 10]


def test_full_jitter_takes_a_share_of_the_delay() -> None:
    retrier = {"IntervalSeconds": 8, "JitterStrategy": "FULL"}
    assert delay_seconds(retrier, 0, 0.25) == 2
    assert delay_seconds(retrier, 1, 1) == 16


@given(retrier=RETRIERS, retries=st.integers(0, 100_000), share=st.floats(0, 1))
def test_no_delay_is_negative_or_over_the_longest(retrier: dict[str, float], retries: int, share: float) -> None:
    delay = delay_seconds(retrier, retries, share)
    assert 0 <= delay <= retrier.get("MaxDelaySeconds", float("inf"))
