"""Pin the image's packages: write `infra/image/requirements-{serve,train}.txt` from the extras in pyproject.toml.

pip resolves the files for the image's Python and platform, and their SHA-256 are recorded. Run
`make image-requirements` on Linux after a change of the extras. The packages that `train` adds are resolved on top of
those of `serve`.
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
# Debian 12 has glibc 2.36, and installs wheels for every earlier version.
PLATFORMS = [*(f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)), "manylinux2014_x86_64"]
# PyPI's torch for Linux brings gigabytes of CUDA; its build for CPUs is in an index of its own, under this suffix.
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH_BUILD = "+cpu"

Pins = dict[str, tuple[str, str]]


def requirements(extra: str) -> list[str]:
    """Return the requirements of an extra, including those of the extras that it names."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lines: list[str] = []
    for line in project["optional-dependencies"][extra]:
        nested = re.fullmatch(rf"{project['name']}\[(.+)\]", line)
        lines += requirements(nested[1]) if nested else [line]
    return lines


def resolve(specifiers: list[str]) -> Pins:
    """Return the version and SHA-256 that pip would install, by package."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), "--target", folder, "--only-binary=:all:", "--python-version", PYTHON]
        command += [f"--platform={platform}" for platform in PLATFORMS]
        subprocess.run([*command, "--retries=0", f"--extra-index-url={TORCH_INDEX}", *specifiers], check=True)
        installs: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
    return {
        re.sub("[-_.]+", "-", item["metadata"]["name"]).lower(): (
            item["metadata"]["version"],
            item["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for item in installs
    }


def write(extra: str, pins: Pins, *options: str) -> None:
    """Write the requirements file of an extra."""
    header = f"# The extra `{extra}` for CPython {PYTHON} on x86-64 Linux, written by `make image-requirements`."
    lines = [f"{name}=={version} --hash=sha256:{digest}" for name, (version, digest) in sorted(pins.items())]
    path = REPOSITORY / "infra" / "image" / f"requirements-{extra}.txt"
    path.write_text("\n".join([header, *options, *lines]) + "\n")
    print(f"{path}: {len(pins)} packages")


def main() -> None:
    serve = resolve(requirements("serve"))
    constraints = [f"{name}=={version}" for name, (version, _) in serve.items()]
    torch = [re.sub(r"^(torch==[\d.]+)$", rf"\1{TORCH_BUILD}", line) for line in requirements("train")]
    train = resolve([*constraints, *torch])
    write("serve", serve)
    added = {name: pin for name, pin in train.items() if name not in serve}
    write("train", added, f"--extra-index-url {TORCH_INDEX}")


if __name__ == "__main__":
    main()
