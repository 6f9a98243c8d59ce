"""The data of a release: the data set's manifest, the state machine's input, and the files that the jobs write.

`train` writes `metrics.json`, `model.json` and `audit.json`; `evaluate` writes `evaluation.json`. Where they are in the
container is defined by the pages "Use your own training algorithms" and "Use your own inference code" of SageMaker's
documentation.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ManifestImage(TypedDict):
    """One image of a data set; `key` is relative to the data set's prefix: `<split>/<class>/<name>`."""

    key: str
    sha256: str


class Manifest(TypedDict):
    """`manifest.json`. `digest` is the SHA-256 of the sorted `key sha256` lines, and names the data set.

    `source` describes the images' origin; `sketches` is true if Scones drew them. `counts` maps split and class to a
    number of images, and `negatives` does so for `NEGATIVES` and `TEST_NEGATIVES`. `left_out` maps a file to the
    reason; `duplicates` has groups of nearly equal files.
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
    """The certified error rate of one class: with confidence 1 - `delta`, at most `alpha` of the accepted are wrong.

    Of the out-of-fold predictions of the class, `accepted` reach `threshold`, which is a share of `coverage`, and
    `wrong` of these are wrong; `bound` is the upper confidence bound of that error rate. A threshold above 1 accepts
    nothing. See `scones.model.uncertainty.acceptance`.
    """

    alpha: float
    delta: float
    threshold: float
    accepted: int
    wrong: int
    bound: float
    coverage: float


class Channel(TypedDict):
    """An input channel of a job: the objects below a prefix of the project's bucket, in the folder `name`."""

    name: str
    prefix: str


class ReleaseInput(TypedDict):
    """The input of the release state machine. `name` names everything it creates; `digest` names the data set."""

    name: str
    digest: str
    channels: list[Channel]
    test_channels: list[Channel]
    hyperparameters: dict[str, str]
    minimum_accuracy: float


class Epoch(TypedDict):
    """One point of the training curve. Losses are mean cross-entropies in nats, accuracies are from 0 to 1."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


class Metrics(TypedDict):
    """`metrics.json`. `seconds` is the wall time of the job and `fit_seconds` that of the final fit.

    `epochs` are means over the folds, each validated on the images that it was not fitted on.
    """

    epochs: list[Epoch]
    seconds: float
    fit_seconds: NotRequired[float]
    parameters: int
    seed: int


class LabelIssue(TypedDict):
    """A training image whose label the out-of-fold prediction contradicts.

    `probability` is the predicted probability of `label`. Negatives have the label "neither".
    """

    key: str
    label: str
    predicted: str
    probability: float


class Outlier(TypedDict):
    """A training image that is unlike the others of any class; `novelty` is the score that `Inference` has."""

    key: str
    label: str
    novelty: float


class Audit(TypedDict):
    """`audit.json`: training images to check. No image is in both lists."""

    label_issues: list[LabelIssue]
    outliers: list[Outlier]


class ModelDescription(TypedDict):
    """`model.json` in model.tar.gz. `size` is the input's side in pixels; `mean` and `std` are of RGB values in [0, 1].

    `thresholds` and `certificates` are in the order of `classes`. An image with a novelty above `novelty_cut` is
    out-of-distribution. `digest` names the training data.
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
    """The scores of one class; `precision` is None if the class was never predicted."""

    recall: Interval
    precision: float | None


class Prediction(TypedDict):
    """The prediction for one test image; `key` is relative to the test channel: `<class>/<name>`.

    `decision` is the model's own. Wrong and uncertain predictions have a `map`: rows of class activations in [-1, 1],
    positive where the image is evidence for `predicted`, negative where it is evidence against.
    """

    key: str
    truth: str
    predicted: str
    probabilities: list[float]
    decision: NotRequired[Literal["accept", "review"]]
    map: NotRequired[list[list[float]]]


class Acceptance(TypedDict):
    """The accepted share of all images, and the wrong share of the accepted ones (None if none is accepted)."""

    coverage: Interval
    wrong: Interval | None


class ReliabilityBin(TypedDict):
    """One bin of the reliability diagram: `n` images of similar confidence, with its mean and their accuracy."""

    confidence: float
    accuracy: float
    n: int


class Corruption(TypedDict):
    """The result for the test images with one kind of corruption; `strength` is from 1 to 5."""

    name: str
    strength: int
    accuracy: float
    acceptance: Acceptance


class NoveltyScore(TypedDict):
    """The detection of out-of-distribution images: the shares above the novelty cut, and the ROC curve over all cuts.

    `others_refused` is the true positive rate (test negatives) and `vehicles_refused` the false positive rate (test
    images of the classes). `curve` has pairs (false positive rate, true positive rate), from (0, 0) to (1, 1).
    """

    others_refused: Interval
    vehicles_refused: Interval
    area_under_curve: float
    curve: list[tuple[float, float]]


class Reliability(TypedDict):
    """Calibration, acceptance, robustness and novelty detection of a model.

    `brier` is the mean squared error of the probabilities, summed over the classes (0 to 2; Brier 1950).
    `risk_coverage` has pairs (coverage, error rate of the accepted images), the most confident images first.
    `novelty` is None without test negatives. `milliseconds` is the median time of one prediction.
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
    """`evaluation.json`. `confusion[i][j]` counts the images of class i that were predicted as class j.

    `calibration_error` is the expected calibration error (Guo et al. 2017). `model` is the version of the model and
    `seconds` the wall time of the job.
    """

    classes: list[str]
    accuracy: Interval
    per_class: dict[str, ClassScore]
    confusion: list[list[int]]
    calibration_error: float
    reliability: NotRequired[Reliability]
    predictions: list[Prediction]
    model: str
    seconds: float
