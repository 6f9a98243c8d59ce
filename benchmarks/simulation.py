"""Our dispatch against a hard threshold and against an oracle, on simulated evenings, for issue 5's figures.

    python -m benchmarks.simulation evaluation.json

The classifier's answers are drawn from the evaluation. `seconds` covers everything that the command computes.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from scones.contract.release import Evaluation
from scones.dispatch_rule import Rules
from scones.progress import Progress
from scones.simulation.policies import HARD_THRESHOLD
from scones.steps.simulate import read_evaluation, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    print(json.dumps(measure(read_evaluation(parser.parse_args().evaluation)), indent=1))


def measure(evaluation: Evaluation, evenings: int = 200, seed: int = 0) -> dict[str, Any]:
    """Simulate the evenings; return the figures with their 95 % intervals."""
    started = time.monotonic()
    comparison = simulate(evaluation, Rules(), evenings=evenings, seed=seed, progress=Progress())
    return {
        "seconds": round(time.monotonic() - started, 2),
        "n": evenings,
        "seed": seed,
        "model": comparison["model"],
        "late_minutes": {name: figures["late minutes"] for name, figures in comparison["policies"].items()},
        "late_minutes_saved_against_hard_threshold": comparison["saved"][HARD_THRESHOLD.name],
        "late_minutes_over_the_oracles": comparison["to_oracle"],
        "wrong_vehicle_trips": {
            name: figures["wrong-vehicle trips"] for name, figures in comparison["policies"].items()
        },
        "fleet_in_use": {name: figures["in use"]["value"] for name, figures in comparison["policies"].items()},
        "loads": comparison["loads"],
    }


if __name__ == "__main__":
    main()
