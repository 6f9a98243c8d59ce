import io
import zipfile
from pathlib import Path

from scones.steps.package import function_zip, hashed_key, template


def test_the_zip_is_the_same_byte_for_byte_each_time() -> None:
    assert function_zip() == function_zip()


def test_the_zip_holds_nothing_but_plain_python_of_the_workflow() -> None:
    with zipfile.ZipFile(io.BytesIO(function_zip())) as archive:
        entries = archive.infolist()
    assert {Path(e.filename).suffix for e in entries} == {".py"}
    shared = {"__init__.py", "contract.py", "errors.py", "results.py"}
    assert {e.filename.split("/")[1] for e in entries} == shared | {"workflow"}
    assert {(e.date_time, e.external_attr >> 16, e.create_system) for e in entries} == {
        ((1980, 1, 1, 0, 0, 0), 0o644, 3)
    }
    assert [e.filename for e in entries] == sorted(e.filename for e in entries)


def test_the_zip_is_far_below_lambdas_limit() -> None:
    assert len(function_zip()) < 3_000_000


def test_a_key_changes_with_the_content_alone() -> None:
    assert hashed_key("code/", b"a", ".zip") == hashed_key("code/", b"a", ".zip") != hashed_key("code/", b"b", ".zip")


def test_the_templates_are_found() -> None:
    assert all("AWSTemplateFormatVersion" in template(name) for name in ("storage", "workflow"))
