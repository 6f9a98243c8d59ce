"""Every error that Scones raises on purpose. Only `cli.main` catches them: one line on stderr and an exit code.

SconesError                      exit code 1
|-- UsageError                   exit code 2: the command was given wrongly
|   `-- DispatchRulesError         [dispatch] in scones.toml: a wrong rule, or a class without a vehicle
|-- DataError                    the images or the folder that holds them
|   |-- DataNotFoundError          nothing there to stage
|   |-- TooFewClassesError         one class, or none
|   |-- TooFewImagesError          a class without enough images to split
|   |-- TooManyBadImagesError      more unreadable files than allowed
|   |-- BlankImagesError           a class whose every image is of one colour
|   |-- ContradictingLabelsError   one picture in two classes
|   `-- DownloadError              the archive could not be fetched whole
|       `-- ServerUnreachableError   not even a first byte of it: no network, most likely
|-- JobError                     raised inside a container; its text becomes the job's FailureReason
|   |-- HyperparameterError        a hyperparameter that is unknown or out of range
|   |-- TrainingDivergedError      the loss is not a number
|   |-- TrainingKilledError        a process of the job was killed, most likely for want of memory
|   `-- ModelArtifactError         model.tar.gz is not what `train` wrote
|-- OrderError                   an order that cannot be read
|-- ImageError                   an arrival's picture; state machines match these names
|   |-- ImageNotFoundError         the object is gone
|   `-- ImageRejectedError         it is no image that the model can read
|-- EventError                   a Lambda event that holds no arrival
|-- EndpointUnavailableError     the endpoint is missing, throttling or broken; worth a retry
|-- ThresholdConfidenceNotMet    the model is not sure enough; a person decides
|-- VehicleInDoubt               no order suits a vehicle that may be either; a person decides
|-- NoOrderAvailable             no open order suits the vehicle; the driver waits in line
|-- DispatchConflictError        others took every order that was tried; worth a retry
|-- ReviewError                  an answer that a person gives
|   |-- ReviewNotFoundError        nobody asked about this arrival
|   |-- ReviewAnsweredError        somebody has answered already
|   `-- ReviewClosedError          the delivery did not wait so long
|-- ModelBelowGateError          the evaluation is below the release gate
|-- CredentialsError             AWS does not know us
|-- StackError                   CloudFormation could not do what the template says
|-- ImageBuildError              CodeBuild could not build or push the container image
|-- ReleaseError                 the release state machine did not end in SUCCEEDED
|-- ClassificationError          the transform job that classifies pictures did not complete
|-- DeliveryError                deliveries did not end, or ended without a decision
|-- LocalAwsError                the laptop's AWS did not start or went away
|-- AlreadyRunningError          another run holds the lock
`-- LeftBehindError              cleanup found something still there
"""


class SconesError(Exception):
    """Base of the tree; the message says what, why and what to do, in one line."""

    exit_code = 1


class UsageError(SconesError):
    exit_code = 2


class DispatchRulesError(UsageError):
    pass


class DataError(SconesError):
    pass


class DataNotFoundError(DataError):
    pass


class TooFewClassesError(DataError):
    pass


class TooFewImagesError(DataError):
    pass


class TooManyBadImagesError(DataError):
    pass


class BlankImagesError(DataError):
    pass


class ContradictingLabelsError(DataError):
    pass


class DownloadError(DataError):
    pass


class ServerUnreachableError(DownloadError):
    pass


class JobError(SconesError):
    pass


class HyperparameterError(JobError):
    pass


class TrainingDivergedError(JobError):
    pass


class TrainingKilledError(JobError):
    pass


class ModelArtifactError(JobError):
    pass


class OrderError(SconesError):
    pass


class ImageError(SconesError):
    pass


class ImageNotFoundError(ImageError):
    pass


class ImageRejectedError(ImageError):
    pass


class EventError(SconesError):
    pass


class EndpointUnavailableError(SconesError):
    pass


class ThresholdConfidenceNotMet(SconesError):
    pass


class VehicleInDoubt(SconesError):
    pass


class NoOrderAvailable(SconesError):
    pass


class DispatchConflictError(SconesError):
    pass


class ReviewError(SconesError):
    pass


class ReviewNotFoundError(ReviewError):
    pass


class ReviewAnsweredError(ReviewError):
    pass


class ReviewClosedError(ReviewError):
    pass


class ModelBelowGateError(SconesError):
    pass


class CredentialsError(SconesError):
    pass


class StackError(SconesError):
    pass


class ImageBuildError(SconesError):
    pass


class ReleaseError(SconesError):
    pass


class ClassificationError(SconesError):
    pass


class DeliveryError(SconesError):
    pass


class LocalAwsError(SconesError):
    pass


class AlreadyRunningError(SconesError):
    pass


class LeftBehindError(SconesError):
    """Carries what is left, one name each, in `left`."""

    def __init__(self, message: str, left: list[str]) -> None:
        super().__init__(message)
        self.left = left
