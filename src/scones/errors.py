"""Every error that Scones raises on purpose; docs/errors.md draws the tree.

Only `cli.main` catches them: it prints one line on stderr and exits with the class's `exit_code`.
"""


class SconesError(Exception):
    """Base class; the message says in one line what went wrong, why, and what to do."""

    exit_code = 1


class UsageError(SconesError):
    """The command line or `scones.toml` is wrong; exit code 2."""

    exit_code = 2


class DispatchRulesError(UsageError):
    """A rule under `[dispatch]` is invalid, or a class of the model has no vehicle there."""


class DataError(SconesError):
    """The source images cannot be staged."""


class DataNotFoundError(DataError):
    """The source, or the staged data set, does not exist."""


class TooFewClassesError(DataError):
    """The source has fewer than two classes."""


class TooFewImagesError(DataError):
    """A class has too few images to split."""


class TooManyBadImagesError(DataError):
    """More files are unreadable than allowed."""


class BlankImagesError(DataError):
    """Every image of a class has a single colour."""


class ContradictingLabelsError(DataError):
    """The same image is in two classes."""


class DownloadError(DataError):
    """The archive could not be downloaded completely."""


class ServerUnreachableError(DownloadError):
    """The server sent no response; there is probably no network."""


class JobError(SconesError):
    """A job failed; raised in the container, where the message becomes the job's FailureReason."""


class HyperparameterError(JobError):
    """A hyperparameter is unknown or out of range."""


class TrainingDivergedError(JobError):
    """The training loss is not a finite number."""


class TrainingKilledError(JobError):
    """A process of the job was killed, most likely because it ran out of memory."""


class ModelArtifactError(JobError):
    """`model.tar.gz` does not have the content that `train` writes."""


class OrderError(SconesError):
    """An order cannot be parsed."""


class ImageError(SconesError):
    """An arrival's image cannot be classified; state machines match its subclasses by name."""


class ImageNotFoundError(ImageError):
    """The image no longer exists."""


class ImageRejectedError(ImageError):
    """The object is not an image that the model accepts."""


class EventError(SconesError):
    """A Lambda event does not have the form that its handler expects."""


class PredictionError(SconesError):
    """A data object has no probabilities, or they are not a distribution over the model's classes."""


class EndpointUnavailableError(SconesError):
    """The endpoint is missing, throttled or failing; retry."""


class ServiceUnavailableError(SconesError):
    """An AWS service throttled a call, failed or did not answer; retry."""


class ThresholdConfidenceNotMet(SconesError):
    """The model does not accept its own prediction; a person decides."""


class VehicleInDoubt(SconesError):
    """No order suits all vehicles that the image may show; a person decides."""


class NoOrderAvailable(SconesError):
    """No open order suits the vehicle; the driver waits."""


class DispatchConflictError(SconesError):
    """Other arrivals took every order that was tried; retry."""


class ReviewError(SconesError):
    """A review cannot be answered."""


class ReviewNotFoundError(ReviewError):
    """The arrival has no review."""


class ReviewAnsweredError(ReviewError):
    """The review has an answer already."""


class ReviewClosedError(ReviewError):
    """The delivery no longer waits for the answer."""


class BadAnswerError(ReviewError):
    """The answer is neither a class of the model nor "neither"."""


class ModelBelowGateError(SconesError):
    """The evaluation is below the release gate."""


class CredentialsError(SconesError):
    """There are no AWS credentials, or no region."""


class StackError(SconesError):
    """CloudFormation could not deploy a stack."""


class ImageBuildError(SconesError):
    """CodeBuild could not build or push the container image."""


class ReleaseError(SconesError):
    """The release state machine did not succeed."""


class NotReleasedError(SconesError):
    """No release has succeeded, or its results are no longer in the bucket."""


class ClassificationError(SconesError):
    """The transform job of `scones classify` did not complete."""


class DeliveryError(SconesError):
    """Deliveries did not end in time, or ended without a decision."""


class LocalServerError(SconesError):
    """The local AWS did not start or has exited."""


class AlreadyRunningError(SconesError):
    """Another run holds the lock."""


class DeletionError(SconesError):
    """S3 did not delete an object."""


class LeftBehindError(SconesError):
    """Cleanup found resources that still exist; `left` has their names."""

    def __init__(self, message: str, left: list[str]) -> None:
        super().__init__(message)
        self.left = left
