from datetime import timedelta

import pytest

from scones.dispatch_rule import Order, Rules
from scones.simulation.evening import OPENING, ImagePrediction
from scones.simulation.policies import FIRST_COME, HARD_THRESHOLD, ORACLE, OURS, Unsure

RULES = Rules()
BICYCLE, MOTORCYCLE = {"bicycle": 1.0}, {"motorcycle": 1.0}


def order(order_id: str, distance_km: float, minutes: float) -> Order:
    return Order(order_id, distance_km, OPENING + timedelta(minutes=minutes))


NEAR, LATER_NEAR = order("near", 2, 30), order("later near", 1, 40)
FAR, LATER_FAR = order("far", 9, 20), order("later far", 5, 35)
ALL = [LATER_FAR, LATER_NEAR, NEAR, FAR]


def prediction(motorcycle: float, accepted: bool = True) -> ImagePrediction:
    return ImagePrediction({"bicycle": 1 - motorcycle, "motorcycle": motorcycle}, accepted)


def test_the_hard_threshold_accepts_from_093_and_refuses_the_rest() -> None:
    assert HARD_THRESHOLD.look(prediction(0.93)) == MOTORCYCLE
    assert HARD_THRESHOLD.look(prediction(0.05)) == BICYCLE
    assert HARD_THRESHOLD.look(prediction(0.929)) is Unsure.REFUSED


def test_ours_reviews_what_is_not_accepted() -> None:
    assert OURS.look(prediction(0.6)) == {"bicycle": 0.4, "motorcycle": 0.6}
    assert OURS.look(prediction(0.99, accepted=False)) is Unsure.REVIEWED


@pytest.mark.parametrize(
    ("belief", "orders", "expected"),
    [
        (BICYCLE, ALL, NEAR),
        (MOTORCYCLE, ALL, FAR),
        (MOTORCYCLE, [LATER_NEAR, NEAR], NEAR),
        (BICYCLE, [FAR], None),
        (BICYCLE, [], None),
    ],
)
def test_the_hard_threshold_takes_the_first_promised_of_the_own_range(
    belief: dict[str, float], orders: list[Order], expected: Order | None
) -> None:
    assert HARD_THRESHOLD.take(belief, orders, RULES, OPENING) == expected


def test_first_come_takes_the_first_promised_whatever_the_vehicle() -> None:
    assert FIRST_COME.take(BICYCLE, ALL, RULES, OPENING) == FAR
    assert FIRST_COME.take(BICYCLE, [], RULES, OPENING) is None


def test_ours_and_the_oracle_choose_alike_but_only_the_oracle_knows_the_vehicle() -> None:
    assert OURS.take(BICYCLE, ALL, RULES, OPENING) == ORACLE.take(BICYCLE, ALL, RULES, OPENING) is not None
    assert [policy.knows_vehicle for policy in (FIRST_COME, HARD_THRESHOLD, OURS, ORACLE)] == [
        False,
        False,
        False,
        True,
    ]
