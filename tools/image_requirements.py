"""Pins what the image installs: writes `infra/image/requirements-{serve,train}.txt` from the extras of pyproject.toml.

Asks pip which files it would install for the image's Python and platform, and notes their SHA-256. Run it on Linux,
by `make image-requirements`, after a change of the extras; what `train` adds is resolved on top of what `serve` has.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
PYTHON = "3.11"
# Debian 12 has glibc 2.36, and takes wheels for all before it.
PLATFORMS = [*(f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)), "manylinux2014_x86_64"]
# PyPI's torch for Linux brings gigabytes of CUDA; its build for CPUs is in an index of its own, under this suffix.
TORCH_INDEX, TORCH_BUILD = "https://download.pytorch.org/whl/cpu", "+cpu"

Pins = dict[str, tuple[str, str]]


def requirements(extra: str) -> list[str]:
    """The requirements of an extra, those of the extras that it names included."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    found: list[str] = []
    for line in project["optional-dependencies"][extra]:
        nested = re.fullmatch(rf"{project['name']}\[(.+)\]", line)
        found += requirements(nested[1]) if nested else [line]
    return found


def resolve(wanted: list[str]) -> Pins:
    """Package -> version and SHA-256 of the file that pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), "--target", folder, "--only-binary=:all:", "--python-version", PYTHON]
        command += [f"--platform={platform}" for platform in PLATFORMS]
        subprocess.run([*command, "--retries=0", f"--extra-index-url={TORCH_INDEX}", *wanted], check=True)
        installs: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
    return {
        re.sub("[-_.]+", "-", item["metadata"]["name"]).lower(): (
            item["metadata"]["version"],
            item["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for item in installs
    }


def write(extra: str, pins: Pins, *options: str) -> None:
    header = f"# The extra `{extra}` for CPython {PYTHON} on x86-64 Linux, written by `make image-requirements`."
    lines = [f"{name}=={version} --hash=sha256:{digest}" for name, (version, digest) in sorted(pins.items())]
    path = REPOSITORY / "infra" / "image" / f"requirements-{extra}.txt"
    path.write_text("\n".join([header, *options, *lines]) + "\n")
    print(f"{path}: {len(pins)} packages")


def main() -> None:
    serve = resolve(requirements("serve"))
    kept = [f"{name}=={version}" for name, (version, _) in serve.items()]
    torch = [re.sub(r"^(torch==[\d.]+)$", rf"\1{TORCH_BUILD}", line) for line in requirements("train")]
    train = resolve([*kept, *torch])
    write("serve", serve)
    added = {name: pin for name, pin in train.items() if name not in serve}
    write("train", added, f"--extra-index-url {TORCH_INDEX}")


if __name__ == "__main__":
    main()
