"""Faults between the product and AWS, and at its endpoint: injects them and prints issue 15's figures.

    make bench-faults     (or: python -m benchmarks.faults benchmarks/results/faults.json)

Each command of `scones` runs on a laptop's AWS while one call of one operation fails: a call of the command, of a
Lambda function, of a state machine or of a job. The endpoint gets broken images, half-sent requests and random
divisions of requests into reads. About 50 minutes on 2 idle cores; `--only COMMAND` runs the drills of one command, and
`--append` adds them, with another seed, to those that the output file has.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import endpoint_faults
from benchmarks.faults import outage
from benchmarks.faults.drill import Row, measure
from benchmarks.faults.scenarios import SCENARIOS, Depots, open_depots
from benchmarks.faults.site import open_site
from benchmarks.faults.table import endpoint_figures, figures, show
from benchmarks.machine import machine

LIBRARIES = ("ministack", "awslambdaric", "boto3", "onnxruntime", "pillow")
# Kinds of fault for each call, of four to six; a cleanup needs a released project each time.
PER_CALL = {"cleanup": 1}
DEFAULT_PER_CALL = 3
SEED = 15


def main() -> None:
    """Parse the arguments, run the drills, and write and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="a command; may be repeated")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--append", action="store_true", help="add to the output file instead of replacing it")
    arguments = parser.parse_args()
    earlier: dict[str, Any] = {"runs": [], "rows": [], "endpoint": None, "outages": []}
    if arguments.append:
        earlier = json.loads(arguments.output.read_text())
    is_whole = not (arguments.only or arguments.append)
    started = time.monotonic()
    about = machine(LIBRARIES)
    names = arguments.only or list(SCENARIOS)
    endpoint = endpoint_faults.measure() if is_whole else earlier["endpoint"]
    with tempfile.TemporaryDirectory(prefix="scones-faults-") as folder, open_site(Path(folder)) as site:
        depots = open_depots(site)
        outages = outage.measure(depots) if is_whole else earlier["outages"]
        rows = earlier["rows"] + run(depots, names, arguments.seed)
    this_run = {"seed": arguments.seed, "seconds": round(time.monotonic() - started), "machine": about}
    result: dict[str, Any] = {"runs": [*earlier["runs"], this_run]}
    measured = figures(rows, outages) + (endpoint_figures(endpoint) if endpoint else [])
    result |= {"figures": measured, "endpoint": endpoint, "outages": outages, "rows": rows}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def run(depots: Depots, names: list[str], seed: int) -> list[Row]:
    """Run the drills of these commands, and print a line for each."""
    rows: list[Row] = []
    for name in names:
        for row in measure(depots, name, SCENARIOS[name], PER_CALL.get(name, DEFAULT_PER_CALL), seed):
            rows.append(row)
            fault = f"{row['command']:22} {row['side']:13} {row['operation']:36} {row['kind']:14}"
            print(f"{len(rows):4} {fault} {row['outcome']:6} {row['problem'] or row['error']}"[:220], flush=True)
    return rows


if __name__ == "__main__":
    main()
