"""The endpoint, other Python servers and the processor's limit: measures them and prints issue 4's figures.

    make bench-serve        (or: python -m benchmarks.serve ../shared/data benchmarks/results/serve.json)

One ONNX file, the official 200 test images, one machine, one run; load from wrk, a process of its own. Servers take
turns in several rounds, so that other load on the machine affects them all. About 10 minutes on 2 idle cores; the
first time it installs the peers, each into an environment of its own below .scones/peers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import jobs, limit, load, malformed, photograph, servers, update
from benchmarks.data import stage_images
from benchmarks.machine import machine
from benchmarks.memory import memory
from benchmarks.serve_table import LIBRARIES, figures, show
from benchmarks.servers import OURS, PEERS, Kind

ROUNDS, SECONDS, CONNECTIONS = 3, 5, 16
GROWTH_REQUESTS, WARM_UP_REQUESTS, MALFORMED = 20_000, 2_000, 10_000
# The figures depend on the network's shape, not on its weights.
QUICK = {"epochs": "1", "folds": "2"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with cifar100_bikes, cifar100_other and photos")
    parser.add_argument("output", type=Path)
    parser.add_argument("--peers", type=Path, default=Path(".scones/peers"), help="where the peers are installed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scones-benchmark-") as folder:
        result = benchmark(arguments.data, Path(folder), arguments.peers.absolute())
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


def benchmark(data: Path, folder: Path, peers: Path) -> dict[str, Any]:
    """Measure everything below `folder`; return the content of serve.json."""
    programs = {OURS: Path(sys.executable).parent} | {kind: servers.install(kind, peers) for kind in PEERS}
    about = machine(LIBRARIES)
    staged = stage_images(data, folder / "images")
    root = folder / "model"
    jobs.train(staged, QUICK, root)
    images = [path.read_bytes() for path in sorted((staged.staged / "test").glob("*/*"))]
    bodies = {kind: load.write_bodies(images, kind.body, folder / "bodies" / kind.name) for kind in programs}
    bench = Bench(programs, root, folder, bodies, images)
    result = {
        "machine": about | {"peers": {kind.name: list(kind.packages) for kind in PEERS}},
        "images": len(images),
        "rounds": bench.rounds(),
        "one": bench.measure_one(),
        "malformed": bench.measure_malformed(),
        "update": update.measure(root / "model", images, folder / "update"),
    }
    return result | {"figures": figures(result)}


class Bench:
    """The measurements; all servers get the same model and images."""

    def __init__(
        self,
        programs: dict[Kind, Path],
        root: Path,
        folder: Path,
        bodies: dict[Kind, Path],
        images: Sequence[bytes],
    ) -> None:
        self.programs = programs
        self.root = root
        self.folder = folder
        self.bodies = bodies
        self.images = images

    def serving(self, kind: Kind) -> Any:
        """Run a server until the end of the block."""
        return servers.serving(kind, self.programs[kind], self.root, self.folder / "saved")

    def run(self, server: servers.Running, connections: int, seconds: int) -> load.Load:
        """Send load to a server."""
        return load.run(server.port, self.bodies[server.kind], server.kind.content_type, connections, seconds)

    def rounds(self) -> list[dict[str, Any]]:
        """Measure each server at `CONNECTIONS` and at one connection, and the in-process limit, in every round."""
        rows: list[dict[str, Any]] = []
        for number in range(ROUNDS):
            row: dict[str, Any] = {"servers": {kind.name: self._turn(kind) for kind in self.programs}}
            row["limit"] = limit.throughput(self.root / "model", self.images, SECONDS)
            row["lone"] = limit.lone(self.root / "model", self.images, rounds=10)
            row["photograph"] = self._photograph()
            rows.append(row)
            rates = {name: round(server["per_second"]) for name, server in row["servers"].items()}
            print(f"round {number + 1}: {rates}, limit {max(row['limit'].values()):.0f} a second", flush=True)
        return rows

    def _turn(self, kind: Kind) -> dict[str, Any]:
        with self.serving(kind) as server:
            self.run(server, CONNECTIONS, 2)
            many = self.run(server, CONNECTIONS, SECONDS)
            alone = self.run(server, 1, SECONDS)
            return {
                "per_second": many.per_second,
                "client_share": many.client_cpu_seconds / many.seconds,
                "failed": many.failed + alone.failed,
                "p50": alone.p50,
                "p99": alone.p99,
                "many_p50": many.p50,
                "many_p99": many.p99,
                "ready_seconds": server.ready_seconds,
                **memory(server.process),
            }

    def _photograph(self) -> dict[str, float]:
        """Return the median milliseconds of a phone's photograph, from request to response, and of its full decode."""
        jpeg = photograph.draw()
        with self.serving(OURS) as server:
            answers = [photograph.ask(server.port, jpeg) for _ in range(20)]
        return {"request": median(answers), "full_decode": limit.full_decode(jpeg, 20), "bytes": len(jpeg)}

    def measure_one(self) -> dict[str, Any]:
        """Return the memory after a warm-up and after `GROWTH_REQUESTS` more."""
        with self.serving(OURS) as server:
            sent = 0.0
            sizes: list[dict[str, float]] = []
            while sent < WARM_UP_REQUESTS + GROWTH_REQUESTS:
                done = self.run(server, CONNECTIONS, 2)
                sent += done.per_second * done.seconds
                if sent >= WARM_UP_REQUESTS:
                    sizes.append(memory(server.process))
        memories = {name: [size[name] for size in sizes] for name in sizes[0]}
        return {"requests": round(sent), **memories, "growth": memories["megabytes"][-1] / memories["megabytes"][0] - 1}

    def measure_malformed(self) -> dict[str, Any]:
        """Send invalid bodies to our server."""
        with self.serving(OURS) as server:
            return malformed.measure(server.port, self.images, MALFORMED, seed=0)


if __name__ == "__main__":
    main()
