import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.model.uncertainty import novelty

scores = st.lists(st.floats(-50, 50), min_size=1, max_size=200).map(np.array)


def test_a_picture_that_speaks_for_no_class_is_stranger() -> None:
    logits = np.array([[4.0, -4.0], [0.0, 0.0]])
    assert np.diff(novelty.score(logits, 2)) > 0


def test_the_logit_of_neither_makes_a_picture_stranger() -> None:
    logits = np.array([[4.0, -4.0, -3.0], [4.0, -4.0, 3.0]])
    assert np.diff(novelty.score(logits, 2)) == pytest.approx(6)


@given(scores, st.floats(0.01, 0.5))
def test_the_cut_refuses_at_most_its_share(scored: np.ndarray, share: float) -> None:
    assert (scored > novelty.cut(scored, share)).mean() <= share


def test_the_cut_refuses_five_in_a_hundred() -> None:
    assert (np.arange(999) > novelty.cut(np.arange(999.0))).sum() == 49


@given(scores, scores)
def test_the_area_is_the_share_of_pairs_in_the_right_order(vehicles: np.ndarray, others: np.ndarray) -> None:
    gaps = others[:, None] - vehicles
    expected = ((gaps > 0) + 0.5 * (gaps == 0)).mean()
    assert novelty.area_under_curve(vehicles, others) == pytest.approx(expected)


@given(scores, scores)
def test_the_curve_climbs_from_nothing_to_everything(vehicles: np.ndarray, others: np.ndarray) -> None:
    points = novelty.curve(vehicles, others)
    assert len(points) <= 50
    assert (points[0], points[-1]) == ((0, 0), (1, 1))
    assert points == sorted(points)


def test_the_curve_of_a_perfect_score_passes_the_corner() -> None:
    assert (0.0, 1.0) in novelty.curve(np.arange(5.0), np.arange(5.0) + 9)
