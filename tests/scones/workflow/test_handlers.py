import base64
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.delivery import ImageData
from scones.contract.layout import INLINE_IMAGE_BYTES
from scones.contract.release import Interval
from scones.errors import (
    EndpointUnavailableError,
    ImageNotFoundError,
    ImageRejectedError,
    ModelBelowGateError,
    PredictionError,
    ThresholdConfidenceNotMet,
)
from scones.workflow.classify import classify
from scones.workflow.filter import require_confidence
from scones.workflow.gate import require_accuracy
from scones.workflow.record import decide, decision_key, record
from scones.workflow.serialize import serialize

ANSWER = {
    "labels": ["bicycle", "motorcycle"],
    "probabilities": [0.1, 0.9],
    "decision": "accept",
    "label": "motorcycle",
    "thresholds": [0.7, 0.8],
    "novelty": -3.0,
    "model": "m1",
}
NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def data(**values: Any) -> ImageData:
    return ImageData(
        **({"image_data": "", "s3_bucket": "depot", "s3_key": "arrivals/anna/1.png", "inferences": []} | values)
    )


class Bucket:
    """An S3 client that knows one bucket's objects."""

    def __init__(self, **objects: bytes) -> None:
        self.closed = False
        self.objects = {f"arrivals/anna/{name}.png": content for name, content in objects.items()}

    def get_object(self, Bucket: str, Key: str, VersionId: str = "v2") -> dict[str, Any]:
        content = self._content(Key) + (b" before" if VersionId == "v1" else b"")
        return {
            "ContentLength": len(content), "Body": io.BytesIO(content), "VersionId": VersionId, "ETag": '"e"'
        }  # fmt: skip

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        if self.closed:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
        self.objects[Key] = Body

    def _content(self, key: str) -> bytes:
        if key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return self.objects[key]


class Runtime:
    """A sagemaker-runtime client that gives one answer, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer, self.asked = answer, {}

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.asked = request
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Body": io.BytesIO(json.dumps(self.answer).encode())}


def model_error(status: int) -> ClientError:
    answer = {
        "Error": {"Code": "ModelError", "Message": "received an error from the model"},
        "OriginalStatusCode": status,
        "OriginalMessage": "not an image",
    }
    return ClientError(answer, "InvokeEndpoint")


def test_serialize_puts_a_small_picture_into_the_state() -> None:
    serialized = serialize(data(), s3=Bucket(**{"1": b"picture"}))
    assert base64.b64decode(serialized["image_data"]) == b"picture"


def test_serialize_leaves_a_large_picture_in_the_bucket() -> None:
    assert serialize(data(), s3=Bucket(**{"1": b"x" * INLINE_IMAGE_BYTES}))["image_data"] == ""


def test_serialize_reads_the_version_that_arrived_and_names_the_arrival_by_it() -> None:
    bucket = Bucket(**{"1": b"picture"})
    first, second = (serialize(data(version_id=version), s3=bucket) for version in ("v1", "v2"))
    assert base64.b64decode(first["image_data"]) == b"picture before"
    assert first["arrival_id"] != second["arrival_id"]
    assert (
        second["arrival_id"]
        == serialize(data(etag="e"), s3=bucket)["arrival_id"]
        == serialize(data(), s3=bucket)["arrival_id"]
    )


def test_serialize_says_that_the_picture_is_gone() -> None:
    with pytest.raises(ImageNotFoundError, match=r"s3://depot/arrivals/anna/1\.png"):
        serialize(data(), s3=Bucket())


def test_serialize_refuses_an_empty_picture() -> None:
    with pytest.raises(ImageRejectedError, match="0 bytes"):
        serialize(data(), s3=Bucket(**{"1": b""}))


def test_classify_asks_with_the_picture_of_the_state_and_its_type() -> None:
    runtime = Runtime(ANSWER)
    encoded = base64.b64encode(b"picture").decode()
    classified = classify(data(image_data=encoded), endpoint="scones", inference_id="i-1", s3=Bucket(), runtime=runtime)
    assert (runtime.asked["Body"], runtime.asked["ContentType"]) == (b"picture", "image/png")
    assert (classified["inferences"], classified["model"]) == ([0.1, 0.9], "m1")
    assert (classified["decision"], classified["threshold"]) == ("accept", 0.8)


@pytest.mark.parametrize(("answer", "model"), [(ANSWER, "m1"), ([0.1, 0.9], None)])
def test_classify_logs_what_the_endpoint_said(answer: Any, model: str | None) -> None:
    bucket, runtime = Bucket(**{"1": b"picture"}), Runtime(answer)
    classify(data(), endpoint="scones", inference_id="i-1", s3=bucket, runtime=runtime)
    (key,) = [key for key in bucket.objects if key.startswith("captures/")]
    logged = json.loads(bucket.objects[key])
    assert key == f"captures/{logged['time'][:13].replace('-', '/').replace('T', '/')}/i-1.json"
    assert runtime.asked["InferenceId"] == logged["inference_id"]
    assert (logged["s3_key"], logged["bytes"]) == ("arrivals/anna/1.png", 7)
    assert (logged["probabilities"], logged["model"]) == ([0.1, 0.9], model)


def test_classify_answers_even_where_it_may_not_log(capsys: pytest.CaptureFixture[str]) -> None:
    bucket = Bucket(**{"1": b"picture"})
    bucket.closed = True
    classified = classify(data(), endpoint="scones", inference_id="i-1", s3=bucket, runtime=Runtime(ANSWER))
    assert classified["inferences"] == [0.1, 0.9]
    assert json.loads(capsys.readouterr().out)["not_captured"] == "i-1"


def test_classify_reads_the_object_itself_where_the_state_holds_no_picture() -> None:
    runtime = Runtime([0.1, 0.9])
    classified = classify(
        data(), endpoint="scones", inference_id="i-1", s3=Bucket(**{"1": b"picture"}), runtime=runtime
    )
    assert (runtime.asked["Body"], classified["inferences"]) == (b"picture", [0.1, 0.9])


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (model_error(400), ImageRejectedError),
        (model_error(415), ImageRejectedError),
        (model_error(429), EndpointUnavailableError),
        (model_error(500), EndpointUnavailableError),
        (
            ClientError({"Error": {"Code": "ValidationError", "Message": "Endpoint not found"}}, "InvokeEndpoint"),
            EndpointUnavailableError,
        ),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1"), EndpointUnavailableError),
    ],
)
def test_classify_tells_the_pictures_faults_from_the_endpoints(failure: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        classify(
            data(), endpoint="scones", inference_id="i-1", s3=Bucket(**{"1": b"picture"}), runtime=Runtime(failure)
        )


def test_classify_refuses_a_text_that_is_not_base64() -> None:
    with pytest.raises(ImageRejectedError, match="base64"):
        classify(
            data(image_data="no base64!"), endpoint="scones", inference_id="i-1", s3=Bucket(), runtime=Runtime([1.0])
        )


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.floats(0, 1))
def test_filter_passes_exactly_what_reaches_the_threshold(inferences: list[float], threshold: float) -> None:
    if max(inferences) >= threshold:
        assert require_confidence(data(inferences=inferences), threshold=threshold)["inferences"] == inferences
    else:
        with pytest.raises(ThresholdConfidenceNotMet, match=r"^THRESHOLD_CONFIDENCE_NOT_MET"):
            require_confidence(data(inferences=inferences), threshold=threshold)


@pytest.mark.parametrize("decision", ["accept", "review"])
def test_without_a_threshold_the_models_own_decision_counts(decision: str) -> None:
    sure = data(inferences=[0.01, 0.99], decision=decision)
    if decision == "accept":
        assert require_confidence(sure, threshold=None) == sure
    else:
        with pytest.raises(ThresholdConfidenceNotMet, match=r"^THRESHOLD_CONFIDENCE_NOT_MET"):
            require_confidence(sure, threshold=None)


def test_with_neither_threshold_nor_decision_the_filter_says_what_to_set() -> None:
    with pytest.raises(PredictionError, match=r"scones\.toml"):
        require_confidence(data(inferences=[0.01, 0.99]), threshold=None)


@pytest.mark.parametrize("inferences", [[], [float("nan"), 0.9]])
def test_filter_refuses_what_is_no_answer(inferences: list[float]) -> None:
    with pytest.raises(PredictionError):
        require_confidence(data(inferences=inferences), threshold=0.5)


def test_record_keeps_the_best_label_and_the_plain_reason() -> None:
    cause = json.dumps({"errorType": "Slow", "errorMessage": "too unsure"})
    event = {
        "outcome": "REVIEW_TIMED_OUT",
        "decided_by": "review",
        "event": data(),
        "data": data(inferences=[0.4, 0.6], labels=["bicycle", "motorcycle"]),
        "error": {"Error": "States.Timeout", "Cause": cause},
        "execution": "e1",
    }
    decision = decide(event, threshold=0.8, now=NOW)
    assert (decision["outcome"], decision["label"], decision["confidence"]) == ("REVIEW_TIMED_OUT", "motorcycle", 0.6)
    assert (decision["cause"], decision["decided_at"]) == ("too unsure", "2026-11-22T18:30:00.000+00:00")


def test_record_of_a_picture_that_nobody_could_read_has_no_label() -> None:
    event = {
        "outcome": "REJECTED",
        "event": data(),
        "error": {"Error": "ImageNotFoundError", "Cause": "gone"},
        "execution": "e",
    }
    decision = decide(event, threshold=0.8, now=NOW)
    assert (decision["label"], decision["confidence"], decision["cause"]) == (None, None, "gone")


def test_a_decision_carries_the_order_and_what_a_person_said() -> None:
    review = {"answer": "bicycle", "reviewer": "anna", "answered_at": "2026-11-22T18:29:00+00:00"}
    event = {
        "outcome": "DISPATCHED",
        "decided_by": "review",
        "event": data(),
        "data": data(arrival_id="a1", inferences=[0.4, 0.6], labels=["bicycle", "motorcycle"]),
        "assignment": {"order_id": "o1"},
        "review": review,
        "execution": "e1",
    }
    decision = decide(event, threshold=None, now=NOW)
    assert (decision["arrival_id"], decision["decided_by"], decision["error"]) == ("a1", "review", None)
    assert (decision["assignment"], decision["review"]) == ({"order_id": "o1"}, review)


def test_a_decision_is_written_by_who_has_the_arrival_alone(localaws: Any, table: Callable[[str, str], str]) -> None:
    arrivals, bucket = table("arrival_id", "arrived_at"), Bucket()
    for execution, outcome in (("e1", "FAILED"), ("e2", "DISPATCHED"), ("e2", "DISPATCHED"), ("e3", "FAILED")):
        event = {"outcome": outcome, "event": data(), "execution": execution}
        decision = decide(event, threshold=None, now=NOW)
        record(decision, table=arrivals, s3=bucket, dynamodb=localaws.client("dynamodb"))
    stored = json.loads(bucket.objects["decisions/anna/1.png.json"])
    assert (stored["execution"], stored["outcome"]) == ("e2", "DISPATCHED")


def test_a_decision_stands_under_the_arrivals_own_name() -> None:
    assert decision_key("arrivals/anna/1.png") == "decisions/anna/1.png.json"


@pytest.mark.parametrize(("value", "passes"), [(0.8, True), (0.79, False), (float("nan"), False)])
def test_the_gate_lets_through_only_what_reaches_it(value: float, passes: bool) -> None:
    evaluation: Any = {"accuracy": Interval(value=value, low=0.7, high=0.9, n=200)}
    check: Callable[[], object] = lambda: require_accuracy(evaluation, minimum=0.8)  # noqa: E731
    if passes:
        assert check() == {"accuracy": value, "minimum_accuracy": 0.8}
    else:
        with pytest.raises(ModelBelowGateError, match="nothing was deployed"):
            check()
