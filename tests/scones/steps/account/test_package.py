from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from scones.steps.account.package import content_tag, function_zip, hashed_key, image_zip, template


def test_packing_twice_gives_the_same_bytes() -> None:
    assert function_zip() == function_zip()
    assert image_zip() == image_zip()


def test_the_image_zip_holds_exactly_what_the_dockerfile_copies() -> None:
    with zipfile.ZipFile(io.BytesIO(image_zip())) as archive:
        names = archive.namelist()
    assert {"infra/image/Dockerfile", "infra/image/program", "infra/image/requirements-train.txt"} <= set(names)
    assert {
        "src/scones/contract/layout.py",
        "src/scones/model/serve.py",
        "src/scones/model/training/backbone/weights.npz",
    } <= set(names)
    assert not [name for name in names if "__pycache__" in name or "workflow" in name or "steps" in name]


def test_a_content_tag_is_valid_in_ecr_and_changes_with_the_content() -> None:
    assert re.fullmatch(r"image-[0-9a-f]{32}", content_tag(b"a"))
    assert content_tag(b"a") != content_tag(b"b")


def test_the_function_zip_holds_only_the_workflows_modules() -> None:
    with zipfile.ZipFile(io.BytesIO(function_zip())) as archive:
        entries = archive.infolist()
    assert {Path(e.filename).suffix for e in entries} == {".py"}
    shared = {"__init__.py", "aws_errors.py", "dispatch_rule.py", "errors.py", "items.py"}
    assert {e.filename.split("/")[1] for e in entries} == shared | {"contract", "workflow"}
    assert {(e.date_time, e.external_attr >> 16, e.create_system) for e in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o644, 3)
    }
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)


def test_the_function_zip_is_far_below_lambdas_limit() -> None:
    assert len(function_zip()) < 3_000_000


def test_a_hashed_key_depends_only_on_the_content() -> None:
    assert hashed_key("code/", b"a", ".zip") == hashed_key("code/", b"a", ".zip") != hashed_key("code/", b"b", ".zip")


def test_the_templates_are_found() -> None:
    assert all("AWSTemplateFormatVersion" in template(name) for name in ("storage", "workflow"))
