"""Simulate: play evenings at a depot under four policies, with the predictions that a real model made.

AWS is needed only to find the newest release's evaluation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from scones.contract.release import Evaluation
from scones.contract.simulation import Estimate, Load, Simulation
from scones.dispatch_rule import Rules
from scones.errors import DataError, NotReleasedError
from scones.progress import Progress
from scones.report import plots
from scones.simulation import compare
from scones.simulation.evening import Evening, image_predictions
from scones.simulation.policies import ORACLE, OURS
from scones.steps.run import gather

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_stepfunctions import SFNClient

# How the result depends on how busy the depot is: the number of orders is multiplied by each of these.
LOADS = (0.7, 0.85, 1.0, 1.15, 1.3)
# Each load is a single point of a chart, for which fewer evenings are enough.
_EVENINGS_PER_LOAD = 0.25
_MIN_EVENINGS = 2


def read_evaluation(file: Path) -> Evaluation:
    """Return the evaluation in a file: `evaluation.json`, or the output of `scones evaluate --json`.

    Raises DataError if the file is neither.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        # The command prints its result as a list of one object, as all commands do.
        evaluation: Evaluation = document[0] if isinstance(document, list) and len(document) == 1 else document
        # The fields that the simulation reads.
        evaluation["model"], evaluation["classes"], evaluation["predictions"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise DataError(
            f"{file} is not an evaluation.json, as `scones evaluate --json` or a release writes it"
        ) from error
    return evaluation


def newest_evaluation(machine: str, bucket: str, *, stepfunctions: SFNClient, s3: S3Client) -> Evaluation:
    """Return the evaluation of the newest release. Raises NotReleasedError if no release has succeeded."""
    name = gather.released(machine, stepfunctions=stepfunctions)["name"]
    evaluation = gather.evaluation(bucket, name, s3=s3)
    if evaluation is None:
        raise NotReleasedError(f"the evaluation of release {name} is gone; run `scones release` again")
    return evaluation


def simulate(evaluation: Evaluation, rules: Rules, *, evenings: int, seed: int, progress: Progress) -> Simulation:
    """Return the measures of `evenings` evenings under each policy, and of fewer evenings at each of the `LOADS`.

    Equal arguments give equal results. Raises DataError if the evaluation lacks what the simulation needs.
    """
    predictions = image_predictions(evaluation)
    evenings_per_load = max(round(evenings * _EVENINGS_PER_LOAD), _MIN_EVENINGS)
    total = evenings + evenings_per_load * len(LOADS)
    finished = 0

    def play(evening: Evening, count: int) -> compare.Played:
        nonlocal finished
        before = finished

        def show(done: int) -> None:
            # Only the last evening has a text: in a log each text is a line.
            text = f"{before + done} of {total} evenings" if done == count else ""
            progress.update(before + done, total, text)

        played = compare.play(compare.Scenario(evening, predictions, rules), evenings=count, seed=seed, on_evening=show)
        finished += count
        return played

    evening = Evening()
    played = play(evening, evenings)
    loads = [_load(times, play(compare.busier(evening, times), evenings_per_load)) for times in LOADS]
    return Simulation(
        evenings=evenings,
        seed=seed,
        model=evaluation["model"],
        policies=compare.estimates(played),
        saved=compare.saved(played),
        to_oracle=compare.to_oracle(played),
        loads=loads,
    )


def _load(times: float, played: compare.Played) -> Load:
    policies = compare.estimates(played)
    return Load(
        times=times,
        # Of the oracle's fleet, because how much the others drive depends on their own errors.
        in_use=policies[ORACLE.name]["in use"]["value"],
        late_minutes_an_order={name: measures["late minutes an order"] for name, measures in policies.items()},
        to_oracle=compare.to_oracle(played),
    )


def draw(simulation: Simulation, file: Path) -> Path:
    """Write the chart as an SVG file, and return its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(plots.standalone(plots.evenings(simulation)), encoding="utf-8")
    return file


def summary(simulation: Simulation) -> list[dict[str, str]]:
    """Return the rows of a table: each measure, and for each policy its mean per evening with a 95 % interval."""
    policies = simulation["policies"]
    rows = []
    for measure in policies[OURS.name]:
        row = {name: _format(measures[measure]) for name, measures in policies.items()}
        rows.append({"mean per evening": measure, **row})
    saved = {name: _format(estimate) for name, estimate in simulation["saved"].items()}
    rows.append({"mean per evening": "late minutes more than ours", **saved})
    # None if the oracle is never late.
    if simulation["to_oracle"]:
        ratio = _format(simulation["to_oracle"])
        rows.append({"mean per evening": "late minutes, times the oracle's", OURS.name: ratio})
    return rows


def _format(estimate: Estimate) -> str:
    places = 2 if abs(estimate["value"]) < 10 else 0
    return "{value:.{places}f} ({low:.{places}f} to {high:.{places}f})".format(**estimate, places=places)
