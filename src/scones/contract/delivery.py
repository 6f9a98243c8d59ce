"""The data of a delivery: Lambda events, the endpoint's responses, and the records of an arrival.

Sources: the page "Amazon S3 events" of EventBridge's documentation, and for `ImageData` the data object of the AWS
Machine Learning Engineer course.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

from scones.contract.release import Certificate


class ImageData(TypedDict):
    """The data object that the delivery state machine passes from state to state.

    `image_data` is the image in base64 if it is small, otherwise empty; `s3_bucket` and `s3_key` always name it.
    `inferences` are the probabilities in the order of `labels`. Serialize adds `version_id` (in a bucket with
    versioning), `etag` and `arrival_id`. Classify adds the rest if the endpoint returns an `Inference`: `decision` is
    the model's own, and `threshold` the probability from which it accepts.
    """

    image_data: str
    s3_bucket: str
    s3_key: str
    inferences: list[float]
    version_id: NotRequired[str]
    etag: NotRequired[str]
    arrival_id: NotRequired[str]
    labels: NotRequired[list[str]]
    novelty: NotRequired[float]
    model: NotRequired[str]
    decision: NotRequired[str]
    threshold: NotRequired[float]


class Envelope(TypedDict):
    """The result of a handler; `statusCode` is always 200, because a failure is an exception."""

    statusCode: int
    body: ImageData


class Inference(TypedDict):
    """The endpoint's full response (`INFERENCE_JSON`); the lists have one entry per class, in the order of `labels`.

    `decision` is "accept" if `novelty` is at most `novelty_cut` and the probability of `label`, the most probable
    class, reaches its threshold. `model` is the version of the model.
    """

    labels: list[str]
    probabilities: list[float]
    decision: Literal["accept", "review"]
    label: str
    thresholds: list[float]
    certificates: list[Certificate]
    novelty: float
    novelty_cut: float
    model: str


class BatchImage(TypedDict):
    """One line of a `JSON_LINES` request: an image file in base64, and an `id` that its response repeats."""

    image: str
    id: NotRequired[str]


@final
class BatchAnswer(Inference):
    """One line of the response: the inference of one `BatchImage`."""

    id: NotRequired[str]


@final
class BatchError(TypedDict):
    """One line of the response, for an image that cannot be read: the error's class name and its message."""

    error: str
    message: str
    id: NotRequired[str]


class Capture(TypedDict):
    """One logged prediction. `time` is in UTC; `sha256` and `bytes` are of the image; `ms` is the endpoint's latency.

    `novelty` and `model` are None if the endpoint returned only probabilities.
    """

    time: str
    inference_id: str
    s3_bucket: str
    s3_key: str
    sha256: str
    bytes: int
    probabilities: list[float]
    novelty: float | None
    model: str | None
    ms: float


Outcome = Literal["DISPATCHED", "NO_ORDER", "NEITHER", "REVIEW_TIMED_OUT", "REJECTED", "FAILED"]


class Assignment(TypedDict):
    """The order that an arrival got. `vehicle` is the most probable class, and `bay` is where it is loaded.

    Times are ISO 8601 in UTC. `expected_cost_minutes` is the cost by `scones.dispatch_rule`.
    """

    order_id: str
    distance_km: float
    promised_at: str
    vehicle: str
    bay: str
    expected_cost_minutes: float
    assigned_at: str


class Review(TypedDict):
    """An image that waits for a reviewer until `due_at`, with the model's prediction; times in UTC.

    `novelty` and `model` are None if the endpoint returned only probabilities.
    """

    arrival_id: str
    s3_bucket: str
    s3_key: str
    version_id: str | None
    labels: list[str]
    inferences: list[float]
    novelty: float | None
    model: str | None
    asked_at: str
    due_at: str


class ReviewAnswer(TypedDict):
    """A reviewer's answer: one of the classes, or "neither"; `answered_at` in UTC."""

    answer: str
    reviewer: str
    answered_at: str


class Label(ReviewAnswer):
    """One object under `LABELS`: an answer as training data. `image_key` is the key of a copy of the image."""

    arrival_id: str
    s3_key: str
    image_key: str
    model: str | None
    inferences: list[float]


class Decision(TypedDict):
    """The record of one arrival's delivery; `decided_at` in UTC, `execution` is the name of the delivery's execution.

    `label` is the most probable class and `confidence` its probability, whatever the outcome. `decided_by` is None if
    the delivery ended before the model was called. `error` and `cause` are those of the state that failed.
    """

    outcome: Outcome
    arrival_id: str
    s3_bucket: str
    s3_key: str
    label: str | None
    confidence: float | None
    inferences: list[float]
    threshold: float | None
    decided_by: Literal["model", "review"] | None
    assignment: Assignment | None
    review: ReviewAnswer | None
    error: str | None
    cause: str | None
    execution: str
    decided_at: str
