import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scones.model.inference.dataset import Dataset
from scones.model.training.audit import MOST, audit

CLASSES = ["bicycle", "motorcycle"]
LOGITS = arrays(np.float32, st.tuples(st.integers(1, 80), st.just(3)), elements=st.floats(-20, 20, width=32))


def pictures(labels: list[int]) -> Dataset:
    names = [f"{[*CLASSES, 'cup'][label]}/{number}.png" for number, label in enumerate(labels)]
    return Dataset(pixels=np.zeros((len(labels), 3, 1, 1), np.float32), labels=np.array(labels), keys=names)


def test_a_contradicted_label_is_a_suspect_and_a_strange_vehicle_an_odd_one() -> None:
    logits = np.array([[9, 0, 0], [0, 9, 0], [3, 0, 2], [0, 0, 9]], np.float32)
    found = audit(pictures([0, 0, 0, 2]), CLASSES, logits, novelty_cut=-2)
    assert [one["key"] for one in found["label_issues"]] == ["bicycle/1.png"]
    assert [one["key"] for one in found["outliers"]] == ["bicycle/2.png"]


@given(logits=LOGITS, cut=st.floats(-30, 30), data=st.data())
def test_no_picture_is_listed_twice_and_no_list_is_long(logits: np.ndarray, cut: float, data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(logits), max_size=len(logits)))
    found = audit(pictures(labels), CLASSES, logits, cut)
    keys = [one["key"] for one in (*found["label_issues"], *found["outliers"])]
    assert len(keys) == len(set(keys))
    assert max(len(found["label_issues"]), len(found["outliers"])) <= MOST
    assert all(one["novelty"] > cut and one["label"] in CLASSES for one in found["outliers"])
