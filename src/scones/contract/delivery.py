"""What a delivery carries: Lambda events, the endpoint's answers, and what is recorded of an arrival.

Sources: EventBridge's "Amazon S3 events" page, and the data object of the AWS Machine Learning Engineer course for
`ImageData`.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict, final

from scones.contract.release import Certificate


class ImageData(TypedDict):
    """The data object that the delivery state machine carries; `s3_bucket`/`s3_key` are the truth.

    Serialize adds the object's `version_id` (in a bucket that keeps versions) or `etag`, and the `arrival_id`. An
    endpoint's full answer adds the rest: the model's own decision, and the probability from which it accepts.
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
    """What a handler returns; `statusCode` is always 200, because a failure is an exception."""

    statusCode: int
    body: ImageData


class Inference(TypedDict):
    """The endpoint's full answer (`INFERENCE_JSON`); `probabilities` is in the order of `labels`.

    It is "accept" where `novelty` is at most `novelty_cut` and the label's probability reaches its threshold.
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
    """One line of a `JSON_LINES` body: an image file in base64, and a name for its answer."""

    image: str
    id: NotRequired[str]


@final
class BatchAnswer(Inference):
    """The line that answers it."""

    id: NotRequired[str]


@final
class BatchError(TypedDict):
    """The line that answers an image that cannot be read: an error's name, and a message for a person."""

    error: str
    message: str
    id: NotRequired[str]


class Capture(TypedDict):
    """One prediction; `time` is in UTC, `sha256` and `bytes` are of the picture, `ms` the endpoint took to answer.

    `novelty` and `model` are None where the endpoint gave the plain list.
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
    """The order that an arrival got; `vehicle` is the likeliest, and its loading `bay` the one to drive to.

    Times are ISO 8601 in UTC; `expected_cost_minutes` is what `dispatch.choose` found least.
    """

    order_id: str
    distance_km: float
    promised_at: str
    vehicle: str
    bay: str
    expected_cost_minutes: float
    assigned_at: str


class Review(TypedDict):
    """A picture that waits for a person until `due_at`, and what the model said of it; times in UTC."""

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
    """What a person said of a picture: one of the classes, or "neither"; `answered_at` in UTC."""

    answer: str
    reviewer: str
    answered_at: str


class Label(ReviewAnswer):
    """One object under `LABELS`: an answer as training data; `image_key` is the key of the image's copy there."""

    arrival_id: str
    s3_key: str
    image_key: str
    model: str | None
    inferences: list[float]


class Decision(TypedDict):
    """What became of one arrival; `label`, `confidence`: the best guess, whatever the outcome; `decided_at` in UTC.

    `decided_by` is None if the model was not asked.
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
