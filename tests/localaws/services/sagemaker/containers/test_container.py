"""Folders, environment and start of a container."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.images import ImageRegistry
from localaws.server import processes
from localaws.services.sagemaker.containers import container
from localaws.services.sagemaker.errors import ContainerError


@given(st.text(max_size=40))
def test_a_local_path_is_below_the_root_or_refused(text: str) -> None:
    folder = Path("/nowhere")
    try:
        path = container.local_path(folder, text)
    except ContainerError:
        return
    assert path.is_relative_to(folder / "ml")
    assert ".." not in path.parts


def test_a_workspace_is_deleted_at_the_end() -> None:
    with container.workspace("test") as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["home", "ml", "tmp"]
    assert not folder.exists()


def test_a_text_that_was_not_written_is_empty_and_a_long_one_is_cut(tmp_path: Path) -> None:
    assert container.read_text(tmp_path / "missing") == ""
    (tmp_path / "failure").write_bytes(b"\xff" * 5000)
    assert len(container.read_text(tmp_path / "failure")) == 4096


def test_a_program_has_its_own_home_and_no_credentials(tmp_path: Path) -> None:
    for name in ("ml", "tmp", "home"):
        (tmp_path / name).mkdir()
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    container.use_images(ImageRegistry({"my-image": (sys.executable, "-c", program)}))
    process = container.start("1.dkr.ecr.x/my-image:1", ["train"], tmp_path, {"MINE": "yes"})
    output, _ = process.communicate()
    processes.stop(process, 0)
    environment = json.loads(output)
    assert environment["HOME"] == str(tmp_path / "home")
    assert environment["MY_IMAGE_ML_ROOT"] == str(tmp_path / "ml")
    assert environment["MINE"] == "yes"
    assert "AWS_ACCESS_KEY_ID" not in environment


def test_an_unknown_image_is_a_container_error(tmp_path: Path) -> None:
    container.use_images(ImageRegistry({}))
    with pytest.raises(ContainerError, match="unheard-of"):
        container.start("unheard-of", [], tmp_path, {})
