import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.model.uncertainty import novelty

scores = st.lists(st.floats(-50, 50), min_size=1, max_size=200).map(np.array)


def test_an_image_with_low_logits_for_all_classes_is_more_novel() -> None:
    logits = np.array([[4.0, -4.0], [0.0, 0.0]])
    assert np.diff(novelty.score(logits, 2)) > 0


def test_a_higher_negative_logit_means_a_higher_novelty() -> None:
    logits = np.array([[4.0, -4.0, -3.0], [4.0, -4.0, 3.0]])
    assert np.diff(novelty.score(logits, 2)) == pytest.approx(6)


@given(scores, st.floats(0.01, 0.5))
def test_the_cut_rejects_at_most_its_share(scored: np.ndarray, share: float) -> None:
    assert (scored > novelty.cut(scored, share)).mean() <= share


def test_the_default_cut_rejects_five_percent() -> None:
    assert (np.arange(999) > novelty.cut(np.arange(999.0))).sum() == 49


@given(scores, scores)
def test_the_area_is_the_share_of_pairs_in_the_correct_order(vehicles: np.ndarray, negatives: np.ndarray) -> None:
    gaps = negatives[:, None] - vehicles
    expected = ((gaps > 0) + 0.5 * (gaps == 0)).mean()
    assert novelty.area_under_curve(vehicles, negatives) == pytest.approx(expected)


@given(scores, scores)
def test_the_curve_ascends_from_0_to_1(vehicles: np.ndarray, negatives: np.ndarray) -> None:
    points = novelty.curve(vehicles, negatives)
    assert len(points) <= 50
    assert (points[0], points[-1]) == ((0, 0), (1, 1))
    assert points == sorted(points)


def test_the_curve_of_a_perfect_score_passes_the_corner() -> None:
    assert (0.0, 1.0) in novelty.curve(np.arange(5.0), np.arange(5.0) + 9)
