"""The types against real documents: those that version 0.1.0 wrote, and the state machine that reads its input."""

from __future__ import annotations

import json
import re
import tarfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from scones.contract.release import Audit, Manifest, ManifestImage, Metrics, ModelDescription, ReleaseInput

from .fields import optional, required

FILES = Path(__file__).parents[2] / "files" / "0.1.0"


def model_file(name: str) -> dict[str, Any]:
    with tarfile.open(FILES / "model.tar.gz") as archive:
        member = archive.extractfile(name)
        assert member is not None
        document: dict[str, Any] = json.load(member)
    return document


def test_a_manifest_has_exactly_the_fields_of_its_type() -> None:
    manifest = json.loads((FILES / "manifest.json").read_text())
    assert manifest.keys() == required(Manifest)
    assert manifest["images"][0].keys() == required(ManifestImage)
    assert optional(Manifest) == set()


def test_metrics_of_an_earlier_version_lack_at_most_optional_fields() -> None:
    metrics = model_file("metrics.json")
    assert required(Metrics) <= metrics.keys() <= required(Metrics) | optional(Metrics)


def test_a_model_description_differs_from_an_earlier_one_by_the_name_of_its_digest() -> None:
    assert model_file("model.json").keys() - {"manifest"} == required(ModelDescription) - {"digest"}


def test_an_audit_has_two_lists_under_either_version() -> None:
    audit = model_file("audit.json")
    assert len(audit) == len(required(Audit)) == 2
    assert all(isinstance(images, list) for images in audit.values())


def test_the_state_machine_reads_only_fields_of_its_input() -> None:
    definition = files("scones.workflow").joinpath("release.asl.json").read_text(encoding="utf-8")
    read = set(re.findall(r"states\.input\.([a-z_]+)", definition))
    assert {"name", "digest"} <= read <= required(ReleaseInput)
