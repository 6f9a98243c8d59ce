"""What crosses a border: S3 keys, Lambda events, job files and HTTP answers, with the wire's own field names.

Loads nothing but the standard library, because it travels into Lambda, into the container and to the operator.
Sources: SageMaker's "use your own training / inference code" pages, EventBridge's "Amazon S3 events" page, and
the data object of the AWS Machine Learning Engineer course for `ImageData`.
"""

from __future__ import annotations

from typing import Final, Literal, NotRequired, TypedDict, final

# S3 prefixes, one bucket per project.
DATA: Final = "data/"
ARRIVALS: Final = "arrivals/"
MODELS: Final = "models/"
EVALUATIONS: Final = "evaluations/"
DECISIONS: Final = "decisions/"
CAPTURES: Final = "captures/"
CLASSIFICATIONS: Final = "classifications/"
LABELS: Final = "labels/"
BACKBONES: Final = "backbones/"
CODE: Final = "code/"

# What runs in Lambda, each as `<project>-<name>`, and what Step Functions runs.
FUNCTIONS: Final = ("serialize", "classify", "filter", "dispatch", "review", "record", "gate")
MACHINES: Final = ("delivery", "release")
# DynamoDB's tables, each as `<project>-<name>`; each has the index by its rows' `state`.
TABLES: Final = ("orders", "arrivals", "reviews")
BY_STATE: Final = "by-state"
# CloudWatch's alarms, each as `<project>-<name>`.
ALARMS: Final = ("deliveries-failed", "deliveries-timed-out", "dead-letters", "oldest-review")
# What is personal goes after so long: a row's `expires_at` is DynamoDB's time to live.
KEPT_SECONDS: Final = 30 * 24 * 3600

# Everything that is made carries this tag; its value is the project's name.
TAG: Final = "scones:project"

SPLITS: Final = ("train", "validation", "test")
# Beside the splits a data set may hold pictures of other things: some teach the model what is neither, some test it.
NEGATIVES: Final = "negatives"
TEST_NEGATIVES: Final = "test-negatives"
# The training job's channel for the weights to start from, where they are not the image's own.
BACKBONE: Final = "backbone"
# What a person answers where no class fits.
NEITHER: Final = "neither"
IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")

# The endpoint's content types.
JSON: Final = "application/json"
INFERENCE_JSON: Final = "application/vnd.scones.inference+json"
JSON_LINES: Final = "application/jsonlines"
IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "application/x-image")

# 16 KiB raw is 22 KiB of base64, so that the state of a delivery stays under 32 KiB whatever the camera sends.
INLINE_IMAGE_BYTES: Final = 16 * 1024
# What a real-time endpoint takes; a serverless one takes 4 MB.
IMAGE_BYTES: Final = 25 * 1024 * 1024
IMAGE_PIXELS: Final = 50_000_000

# The environment variable that moves a container's root away from /opt/ml.
ML_ROOT_VARIABLE: Final = "SCONES_ML_ROOT"
ML_ROOT: Final = "/opt/ml"


class ImageData(TypedDict):
    """The data object that the delivery state machine carries; `s3_bucket`/`s3_key` are the truth.

    Serialize adds the object's `version_id` (in a bucket that keeps versions) or `etag`, and with it the `arrival`'s
    id. An endpoint's full answer adds the rest: the model's own decision, and the probability from which it accepts.
    """

    image_data: str
    s3_bucket: str
    s3_key: str
    inferences: list[float]
    version_id: NotRequired[str]
    etag: NotRequired[str]
    arrival: NotRequired[str]
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
    """One object under `LABELS`: an answer as training data; `picture` is the key of the picture's own copy there."""

    arrival: str
    s3_key: str
    picture: str
    model: str | None
    inferences: list[float]


class Decision(TypedDict):
    """What became of one arrival; `label`, `confidence`: the best guess, whatever the outcome; `decided_at` in UTC.

    `gate` is whether the model's word was enough, None where it was not asked.
    """

    outcome: Outcome
    arrival: str
    s3_bucket: str
    s3_key: str
    label: str | None
    confidence: float | None
    inferences: list[float]
    threshold: float | None
    gate: Literal["accept", "review"] | None
    assignment: Assignment | None
    review: ReviewAnswer | None
    error: str | None
    cause: str | None
    execution: str
    decided_at: str


class ManifestImage(TypedDict):
    """One image of a data set; `key` is relative to the data set's root: `<split>/<class>/<name>`."""

    key: str
    sha256: str


class Manifest(TypedDict):
    """`manifest.json`. `digest` is the SHA-256 of the sorted `key sha256` lines: it names the data set.

    `source` is in a person's words; `sketches` is true for images that we drew. `counts` is split -> class -> n,
    `negatives` counts other things, in `NEGATIVES` and `TEST_NEGATIVES`;
    `left_out` is file -> reason; `duplicates` groups near-equal files.
    """

    digest: str
    source: str
    sketches: bool
    classes: list[str]
    counts: dict[str, dict[str, int]]
    negatives: dict[str, int]
    images: list[ManifestImage]
    left_out: dict[str, str]
    duplicates: list[list[str]]


class Certificate(TypedDict):
    """What the gate promises of one class: of what it accepts, at most `alpha` is wrong, at confidence 1 - `delta`.

    Out-of-fold, `accepted` images pass, a share `coverage` of the class's predictions, of which `wrong` are wrong;
    `bound` is the certified rate of wrong ones. A threshold above 1 accepts nothing.
    """

    alpha: float
    delta: float
    threshold: float
    accepted: int
    wrong: int
    bound: float
    coverage: float


class Channel(TypedDict):
    """What a job finds in its folder `name`: the objects below a prefix of the project's bucket."""

    name: str
    prefix: str


class ReleaseInput(TypedDict):
    """Input of the release state machine; `name` names all it creates, `data` is the digest of the data set."""

    name: str
    data: str
    channels: list[Channel]
    test_channels: list[Channel]
    hyperparameters: dict[str, str]
    minimum_accuracy: float
