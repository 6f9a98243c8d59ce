"""Simulate: evenings at a depot under four policies, with the real answers of a real model.

Runs where the operator sits; needs AWS only to find the newest release's evaluation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scones.contract.release import Evaluation
from scones.contract.simulation import Estimate, Load, Simulation
from scones.dispatch_rule import Rules
from scones.errors import DataError, NotReleasedError
from scones.progress import Progress
from scones.report import plots
from scones.simulation import compare
from scones.simulation.evening import Evening, pictures
from scones.simulation.policies import ORACLE, OURS
from scones.steps.run import gather

# How the result depends on how busy the depot is: this many times the orders, in evenings of which there are fewer.
LOADS = (0.7, 0.85, 1.0, 1.15, 1.3)
_SHARE_FOR_LOADS = 0.25


def read_evaluation(file: Path) -> Evaluation:
    """Raises DataError where it is no evaluation.json."""
    try:
        evaluation: Evaluation = json.loads(file.read_text(encoding="utf-8"))
        # What the simulation is going to read of it.
        evaluation["model"], evaluation["classes"], evaluation["predictions"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise DataError(f"{file} is no evaluation.json, as `scones evaluate --json` or a release writes it") from error
    return evaluation


def newest_evaluation(machine: str, bucket: str, *, stepfunctions: Any, s3: Any) -> Evaluation:
    """Raises NotReleasedError where no release has succeeded."""
    name = gather.released(machine, stepfunctions=stepfunctions)["name"]
    evaluation = gather.evaluation(bucket, name, s3=s3)
    if evaluation is None:
        raise NotReleasedError(f"the evaluation of release {name} is gone; run `scones release` again")
    return evaluation


def simulate(evaluation: Evaluation, rules: Rules, *, evenings: int, seed: int, progress: Progress) -> Simulation:
    """Raises DataError where the evaluation does not hold what the depot's vehicles need."""
    answers, evening = pictures(evaluation), Evening()
    fewer = max(round(evenings * _SHARE_FOR_LOADS), 2)
    total = evenings + fewer * len(LOADS)

    def play(evening: Evening, count: int, before: int) -> compare.Played:
        def show(done: int) -> None:
            progress.update(before + done, total, f"{before + done} of {total} evenings" if done == count else "")

        return compare.play(evening, answers, rules, evenings=count, seed=seed, played=show)

    played = play(evening, evenings, 0)
    busier = [play(compare.busier(evening, times), fewer, evenings + n * fewer) for n, times in enumerate(LOADS)]
    return Simulation(
        evenings=evenings,
        seed=seed,
        model=evaluation["model"],
        policies=compare.estimates(played),
        saved=compare.saved(played),
        to_oracle=compare.to_oracle(played),
        loads=[_load(times, each) for times, each in zip(LOADS, busier, strict=True)],
    )


def draw(simulation: Simulation, file: Path) -> Path:
    """Write the picture, an SVG, and return its path."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(plots.standalone(plots.evenings(simulation)), encoding="utf-8")
    return file


def summary(simulation: Simulation) -> list[dict[str, str]]:
    """Rows for a person: a measure, and what each policy has of it, an evening."""
    policies = simulation["policies"]
    rows = [
        {"an evening": measure} | {name: _words(mine[measure]) for name, mine in policies.items()}
        for measure in policies[OURS.name]
    ]
    rows.append({"an evening": "late minutes more than ours"} | {k: _words(v) for k, v in simulation["saved"].items()})
    if simulation["to_oracle"]:
        rows.append({"an evening": "late minutes over the oracle's", OURS.name: _words(simulation["to_oracle"])})
    return rows


def _load(times: float, played: compare.Played) -> Load:
    policies = compare.estimates(played)
    return Load(
        times=times,
        in_use=policies[ORACLE.name]["in use"]["value"],
        late_minutes_an_order={name: mine["late minutes an order"] for name, mine in policies.items()},
        to_oracle=compare.to_oracle(played),
    )


def _words(estimate: Estimate) -> str:
    places = 2 if abs(estimate["value"]) < 10 else 0
    return "{value:.{p}f} ({low:.{p}f} to {high:.{p}f})".format(**estimate, p=places)
