import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scones.model.inference.dataset import Dataset
from scones.model.training.audit import MAX_LISTED, audit

CLASSES = ["bicycle", "motorcycle"]
LOGITS = arrays(np.float32, st.tuples(st.integers(1, 80), st.just(3)), elements=st.floats(-20, 20, width=32))


def images(labels: list[int]) -> Dataset:
    names = [f"{[*CLASSES, 'cup'][label]}/{number}.png" for number, label in enumerate(labels)]
    return Dataset(pixels=np.zeros((len(labels), 3, 1, 1), np.float32), labels=np.array(labels), keys=names)


def test_a_contradicted_label_is_an_issue_and_a_novel_vehicle_an_outlier() -> None:
    logits = np.array([[9, 0, 0], [0, 9, 0], [3, 0, 2], [0, 0, 9]], np.float32)
    listed = audit(images([0, 0, 0, 2]), CLASSES, logits, novelty_cut=-2)
    assert [issue["key"] for issue in listed["label_issues"]] == ["bicycle/1.png"]
    assert [outlier["key"] for outlier in listed["outliers"]] == ["bicycle/2.png"]


@given(logits=LOGITS, cut=st.floats(-30, 30), data=st.data())
def test_no_image_is_listed_twice_and_lists_are_bounded(logits: np.ndarray, cut: float, data: st.DataObject) -> None:
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(logits), max_size=len(logits)))
    listed = audit(images(labels), CLASSES, logits, cut)
    keys = [entry["key"] for entry in (*listed["label_issues"], *listed["outliers"])]
    assert len(keys) == len(set(keys))
    assert max(len(listed["label_issues"]), len(listed["outliers"])) <= MAX_LISTED
    assert all(outlier["novelty"] > cut and outlier["label"] in CLASSES for outlier in listed["outliers"])
