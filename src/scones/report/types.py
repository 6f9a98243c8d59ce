"""All that a report shows, as types: gathered by the steps of that name, drawn by the modules beside this one."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from scones.contract.delivery import Decision
from scones.contract.release import Evaluation, Manifest, Metrics


class TimedState(TypedDict):
    """How one state of a machine ran over some executions; `seconds` has one entry for each time it was left.

    `failed` counts executions that ended in it, `retried` attempts after the first, `caught` errors that led elsewhere.
    Of the seconds its tasks were `called` for so many and `waited` so many for their next attempt; `requests` are the
    calls' ids.
    """

    entered: int
    failed: int
    retried: int
    caught: int
    seconds: list[float]
    called: float
    waited: float
    requests: list[str]


def never() -> TimedState:
    """A state that no execution entered."""
    return TimedState(entered=0, failed=0, retried=0, caught=0, seconds=[], called=0.0, waited=0.0, requests=[])


class MachineRun(TypedDict):
    """A state machine and what its executions did; `definition` is the ASL as deployed."""

    name: str
    definition: dict[str, object]
    states: dict[str, TimedState]
    executions: list[ExecutionRun]


class ExecutionRun(TypedDict):
    """One execution; `started_at` is ISO 8601 in UTC."""

    name: str
    status: str
    started_at: str
    seconds: float


class Invocation(TypedDict):
    """One REPORT line, in milliseconds; `init_ms` is None where the function was warm."""

    request: str
    run_ms: float
    billed_ms: float
    init_ms: float | None


class LambdaRun(TypedDict):
    """One function's REPORT lines; megabytes as configured, and the most that an invocation used."""

    name: str
    invocations: list[Invocation]
    memory_mb: int
    max_memory_mb: int


class TransformRun(TypedDict):
    """A batch transform job of the release's model; `seconds` are of all its instances together."""

    name: str
    instance_type: str
    seconds: float


class SampleImage(TypedDict):
    """A picture for the report: `data_uri` is a whole `data:image/...;base64,` address, `map` a `Prediction`'s."""

    label: str
    caption: str
    data_uri: str
    map: NotRequired[list[list[float]]]


class CostLine(TypedDict):
    """One line of the bill; `usd` = `quantity` x `usd_per_unit`. `confirmed` is false for third-party prices.

    `fixed` costs run for as long as the thing exists, per month; the others are paid per use. `source_date` is
    when the price's source was written, in its own precision.
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
    """Who decided: the model, a person (who may have had no time), nobody for want of a picture, or a failure."""
    if decision["outcome"] in ("REJECTED", "FAILED"):
        return "rejected" if decision["outcome"] == "REJECTED" else "failed"
    return "review" if decision["decided_by"] == "review" else "accepted"


class Pictures(TypedDict):
    """`samples` are some staged images of each class, `duplicates` groups of near-equal ones.

    `label_issues` are training images with an unlikely label, `outliers` those with the highest novelty; `wrong` are
    test images that the model got wrong, `uncertain` those that it nearly did.
    """

    samples: list[SampleImage]
    duplicates: list[list[SampleImage]]
    label_issues: list[SampleImage]
    outliers: list[SampleImage]
    wrong: list[SampleImage]
    uncertain: list[SampleImage]


class Run(Pictures):
    """All that `report.html` shows.

    `where` is "laptop" or an AWS region; `notice` is shown on top where the figures are not of real images.
    `instance_types` is what AWS would have run: keys "train", "evaluate" and "serve"; `serverless_mb` is a serverless
    endpoint's memory, `realtime_instances` how many a real-time one has at least: 0 where it is serverless.
    `seconds` is step -> wall seconds, in the order in which the steps ran.
    """

    id: str
    project: str
    where: str
    started_at: str
    notice: str | None
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
