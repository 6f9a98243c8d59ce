"""The data of a report. `steps/run/` collects it, and the modules of this package draw it."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from scones.contract.delivery import Decision
from scones.contract.release import Evaluation, Manifest, Metrics


class TimedState(TypedDict):
    """One state of a machine over several executions; `seconds` has one entry for each time it was left.

    `failed` counts executions that ended in it, `retried` attempts after the first, `caught` errors that led to another
    state. Of the seconds, its tasks were `called` for some and `waited` for their next attempt for others. `requests`
    are the request IDs of the calls.
    """

    entered: int
    failed: int
    retried: int
    caught: int
    seconds: list[float]
    called: float
    waited: float
    requests: list[str]


def not_entered() -> TimedState:
    """Return the figures of a state that no execution entered."""
    return TimedState(entered=0, failed=0, retried=0, caught=0, seconds=[], called=0.0, waited=0.0, requests=[])


class MachineRun(TypedDict):
    """A state machine and its executions; `definition` is the deployed ASL."""

    name: str
    definition: dict[str, object]
    states: dict[str, TimedState]
    executions: list[ExecutionRun]


class ReleaseFacts(TypedDict):
    """What a release was made from, and how it ended; `started_at` is ISO 8601 in UTC.

    `status` is that of the execution. If it is not SUCCEEDED, `failed_state` is the state that failed, and `error` and
    `cause` say why. `version` is the Scones version that trained the model, `container_image` the image's URI, and
    `model_package` an ARN. What is unknown is None.
    """

    name: str
    status: str
    started_at: str
    digest: str
    hyperparameters: dict[str, str]
    minimum_accuracy: float | None
    version: str | None
    container_image: str | None
    model_package: str | None
    failed_state: str | None
    error: str | None
    cause: str | None


class ExecutionRun(TypedDict):
    """One execution; `started_at` is ISO 8601 in UTC. Of its `seconds`, `review_seconds` waited for a reviewer."""

    name: str
    status: str
    started_at: str
    seconds: float
    review_seconds: float


class LambdaInvocation(TypedDict):
    """One REPORT line, in milliseconds; `init_ms` is None if the function was warm."""

    request: str
    run_ms: float
    billed_ms: float
    init_ms: float | None


class LambdaRun(TypedDict):
    """The REPORT lines of one function; the configured memory, and the maximum that an invocation used, in MB."""

    name: str
    invocations: list[LambdaInvocation]
    memory_mb: int
    max_memory_mb: int


class TransformRun(TypedDict):
    """A batch transform job of the release's model; `seconds` is the sum over its instances."""

    name: str
    instance_type: str
    seconds: float


class SampleImage(TypedDict):
    """An image of the report: `data_uri` is a `data:image/...;base64,` URI, `map` the map of a `Prediction`."""

    label: str
    caption: str
    data_uri: str
    map: NotRequired[list[list[float]]]


class CostLine(TypedDict):
    """One line of the bill; `usd` = `quantity` x `usd_per_unit`. `confirmed` is false for prices of third parties.

    `fixed` costs are per month, for as long as the resource exists; the others are per use. `source_date` is the date
    of the price's source, in its own precision.
    """

    service: str
    item: str
    quantity: float
    unit: str
    usd_per_unit: float
    usd: float
    confirmed: bool
    source: str
    source_date: str
    fixed: bool


Verdict = Literal["accepted", "review", "rejected", "failed"]


def verdict(decision: Decision) -> Verdict:
    """Return who decided: the model, a reviewer (or nobody in time), or nobody because of the image or of a failure."""
    if decision["outcome"] in ("REJECTED", "FAILED"):
        return "rejected" if decision["outcome"] == "REJECTED" else "failed"
    return "review" if decision["decided_by"] == "review" else "accepted"


class ReportImages(TypedDict):
    """The images of a report: `samples` are staged images of each class, `duplicates` groups of near-duplicates.

    `label_issues` are training images with an unlikely label, `outliers` those with the highest novelty. `wrong` are
    misclassified test images, `uncertain` correct ones of low confidence.
    """

    samples: list[SampleImage]
    duplicates: list[list[SampleImage]]
    label_issues: list[SampleImage]
    outliers: list[SampleImage]
    wrong: list[SampleImage]
    uncertain: list[SampleImage]


class Run(ReportImages):
    """Everything that `report.html` shows.

    `where` is "laptop" or an AWS region; `notice` is shown on top if the figures are not of real images, or if
    parts are left out that the caller may not read.
    `facts` are those of the release; state machines, decisions and Lambda functions are of the time since it started.
    `instance_types` maps "train", "evaluate" and "serve" to what AWS would run; `serverless_mb` is the memory of a
    serverless endpoint, `realtime_instances` the minimum number of a real-time one: 0 for a serverless endpoint.
    `seconds` maps a step to its wall time in seconds, in the order in which the steps ran.
    """

    id: str
    project: str
    where: str
    started_at: str
    notice: str | None
    facts: ReleaseFacts
    manifest: Manifest
    metrics: Metrics | None
    evaluation: Evaluation | None
    release: MachineRun | None
    deploy: MachineRun | None
    delivery: MachineRun | None
    lambdas: list[LambdaRun]
    transforms: list[TransformRun]
    decisions: list[Decision]
    instance_types: dict[str, str]
    serverless_mb: int
    realtime_instances: int
    seconds: dict[str, float]
