"""Our dispatch against a hard threshold and against an oracle, on simulated evenings, in issue 5's figures.

    python -m benchmarks.simulation evaluation.json

Takes the answers of whatever model that evaluation is of. The seconds are of all that the command computes.
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
    started = time.monotonic()
    found = simulate(evaluation, Rules(), evenings=evenings, seed=seed, progress=Progress())
    return {
        "seconds": round(time.monotonic() - started, 2),
        "n": evenings,
        "seed": seed,
        "model": found["model"],
        "late_minutes": {name: mine["late minutes"] for name, mine in found["policies"].items()},
        "late_minutes_saved_against_hard_threshold": found["saved"][HARD_THRESHOLD.name],
        "late_minutes_over_the_oracles": found["to_oracle"],
        "wrong_vehicle_trips": {name: mine["wrong-vehicle trips"] for name, mine in found["policies"].items()},
        "fleet_in_use": {name: mine["in use"]["value"] for name, mine in found["policies"].items()},
        "loads": found["loads"],
    }


if __name__ == "__main__":
    main()
