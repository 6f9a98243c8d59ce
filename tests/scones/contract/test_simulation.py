"""The types against the result of a small simulation."""

from __future__ import annotations

import json
from typing import cast

from scones.contract.release import Evaluation
from scones.contract.simulation import Estimate, Load, Simulation
from scones.dispatch_rule import Rules
from scones.progress import Progress
from scones.steps.simulate import simulate

from .fields import required

EVALUATION = cast(
    Evaluation,
    {
        "classes": ["bicycle", "motorcycle"],
        "model": "1",
        "predictions": [
            {
                "key": f"{truth}/1.png",
                "truth": truth,
                "predicted": truth,
                "probabilities": [1.0, 0.0] if truth == "bicycle" else [0.0, 1.0],
                "decision": "accept",
            }
            for truth in ("bicycle", "motorcycle")
        ],
    },
)


def test_a_simulation_has_the_fields_of_its_type_and_is_json() -> None:
    simulation = simulate(EVALUATION, Rules(), evenings=2, seed=0, progress=Progress())
    assert simulation.keys() == required(Simulation)
    assert json.loads(json.dumps(simulation)) == simulation
    for load in simulation["loads"]:
        assert load.keys() == required(Load)
    for measures in simulation["policies"].values():
        for estimate in measures.values():
            assert estimate.keys() == required(Estimate)
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
