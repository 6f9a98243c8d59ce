"""What a release carries: the data set's manifest, the state machine's input, and what the jobs write.

The jobs write `metrics.json`, `model.json` and `audit.json` (`train`) and `evaluation.json` (`evaluate`).
Source: SageMaker's "use your own training / inference code" pages.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


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
    """Input of the release state machine; `name` names all it creates, `digest` names the data set."""

    name: str
    digest: str
    channels: list[Channel]
    test_channels: list[Channel]
    hyperparameters: dict[str, str]
    minimum_accuracy: float


class Epoch(TypedDict):
    """One line of the training curve; losses are mean cross-entropy in nats, accuracies are shares of 1."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


class Metrics(TypedDict):
    """`metrics.json`: wall seconds of all and of the last fit; `epochs` are means over folds, validated out-of-fold."""

    epochs: list[Epoch]
    seconds: float
    fit_seconds: NotRequired[float]
    parameters: int
    seed: int


class LabelIssue(TypedDict):
    """A training image whose label the out-of-fold answer contradicts.

    `probability` is what the answer gave to `label`; `neither` stands for images of other things.
    """

    key: str
    label: str
    predicted: str
    probability: float


class Outlier(TypedDict):
    """A training image of a class that looks like none of them; `novelty` as in the endpoint's full answer."""

    key: str
    label: str
    novelty: float


class Audit(TypedDict):
    """`audit.json`: `outliers` has none of the `label_issues`."""

    label_issues: list[LabelIssue]
    outliers: list[Outlier]


class ModelDescription(TypedDict):
    """`model.json` in model.tar.gz. `size` is in pixels a side; `mean` and `std` are per RGB channel, of [0, 1].

    `thresholds` and `certificates` are in the order of `classes`. A novelty above `novelty_cut` is neither of them.
    """

    classes: list[str]
    size: int
    mean: list[float]
    std: list[float]
    temperature: float
    thresholds: list[float]
    certificates: list[Certificate]
    novelty_cut: float
    digest: str
    version: str


class Interval(TypedDict):
    """A proportion with its 95 % Wilson score interval (Wilson 1927); `n` trials, `value` = successes / n."""

    value: float
    low: float
    high: float
    n: int


class ClassScore(TypedDict):
    recall: Interval
    precision: float | None


class Prediction(TypedDict):
    """One test image as `evaluate` saw it; `key` is relative to the test channel: `<class>/<name>`.

    `decision` is the gate's. Wrong and uncertain ones have a `map`, rows of [-1, 1]: where the picture speaks for
    `predicted`, or against it.
    """

    key: str
    truth: str
    predicted: str
    probabilities: list[float]
    decision: NotRequired[Literal["accept", "review"]]
    map: NotRequired[list[list[float]]]


class Acceptance(TypedDict):
    """What the gate let pass: the share of all images, and of those the share that is wrong (None of none)."""

    coverage: Interval
    wrong: Interval | None


class ReliabilityBin(TypedDict):
    """`n` images of neighbouring confidence: its mean, and the share of them that is right."""

    confidence: float
    accuracy: float
    n: int


class Corruption(TypedDict):
    """The same images, spoilt at a strength from 1 to 5; `accuracy` is over all, `acceptance` what the gate did."""

    name: str
    strength: int
    accuracy: float
    acceptance: Acceptance


class NoveltyScore(TypedDict):
    """How well other things are told apart: shares above the novelty cut, and over all cuts the ROC curve.

    `curve` holds pairs (share of vehicles refused, share of other things refused), from (0, 0) to (1, 1).
    """

    others_refused: Interval
    vehicles_refused: Interval
    area_under_curve: float
    curve: list[tuple[float, float]]


class Reliability(TypedDict):
    """How far the model's word can be taken; `brier` is the mean squared error of the probabilities (0 to 2).

    `risk_coverage` holds pairs (share of images accepted, most confident first; share of those that is wrong).
    `novelty` is None where there were no images of other things; `milliseconds` is the median time of one image.
    """

    brier: float
    bins: list[ReliabilityBin]
    risk_coverage: list[tuple[float, float]]
    certificates: list[Certificate]
    acceptance: Acceptance
    corruptions: list[Corruption]
    novelty: NoveltyScore | None
    milliseconds: float


class Evaluation(TypedDict):
    """`evaluation.json`. `confusion[i][j]` counts truth i predicted as j; `calibration_error` is the expected one."""

    classes: list[str]
    accuracy: Interval
    per_class: dict[str, ClassScore]
    confusion: list[list[int]]
    calibration_error: float
    reliability: NotRequired[Reliability]
    predictions: list[Prediction]
    model: str
    seconds: float
