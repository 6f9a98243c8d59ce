import io
import itertools
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones import __version__
from scones.errors import ModelArtifactError
from scones.model.evaluate import score, unpack
from scones.model.evaluation.corruptions import CORRUPTIONS, STRENGTHS

Run = Callable[..., subprocess.CompletedProcess[str]]


def archive(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_the_evaluation_is_consistent(evaluated: Path) -> None:
    evaluation = json.loads((evaluated / "processing/output/evaluation/evaluation.json").read_text())
    correct = sum(guess["truth"] == guess["predicted"] for guess in evaluation["predictions"])
    assert evaluation["accuracy"]["n"] == len(evaluation["predictions"]) == 20
    assert evaluation["accuracy"]["value"] == correct / 20
    assert np.trace(evaluation["confusion"]) == correct
    assert [evaluation["per_class"][name]["recall"]["n"] for name in evaluation["classes"]] == [10, 10]
    assert evaluation["predictions"][0]["key"] == "circle/0.png"
    assert evaluation["model"].startswith(f"{__version__}+abababab.")
    assert evaluation["seconds"] > 0


def test_the_evaluation_measures_the_reliability(evaluated: Path) -> None:
    evaluation = json.loads((evaluated / "processing/output/evaluation/evaluation.json").read_text())
    reliability = evaluation["reliability"]
    accepted = sum(guess["decision"] == "accept" for guess in evaluation["predictions"])
    assert sum(part["n"] for part in reliability["bins"]) == 20
    assert reliability["risk_coverage"][-1][0] == 1
    assert {(corruption["name"], corruption["strength"]) for corruption in reliability["corruptions"]} == set(
        itertools.product(CORRUPTIONS, STRENGTHS)
    )
    assert reliability["acceptance"]["coverage"]["value"] == accepted / 20
    assert reliability["acceptance"]["coverage"]["n"] == reliability["novelty"]["vehicles_refused"]["n"] == 20
    assert reliability["novelty"]["others_refused"]["n"] == 8
    assert reliability["milliseconds"] > 0


def test_a_perfect_model_has_perfect_scores() -> None:
    scores = score(np.arange(3), np.eye(3), ["a", "b", "c"])
    assert scores.accuracy["value"] == 1
    assert scores.confusion == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert scores.calibration_error == 0
    assert {class_score["precision"] for class_score in scores.per_class.values()} == {1.0}


def test_an_unreadable_test_image_is_named_in_the_exit_message(
    evaluated: Path, run_program: Run, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(evaluated / "processing" / "input", root / "processing" / "input")
    (root / "processing/input/test/circle/0.png").write_bytes(b"not an image")
    finished = run_program("evaluate", root)
    assert finished.returncode == 1
    message = (root / "output" / "message").read_text()
    assert message.startswith("TooManyBadImagesError: 1 of 20 images are unreadable; first circle/0.png")
    assert not (root / "processing" / "output").exists()


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelArtifactError, match=r"there is no .*model\.tar\.gz"):
        unpack(tmp_path / "model.tar.gz", tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "link/outside"])
def test_an_archive_cannot_write_outside_the_folder(tmp_path: Path, name: str) -> None:
    link = tarfile.TarInfo("link")
    link.type = tarfile.SYMTYPE
    link.linkname = str(tmp_path)
    members = [(link, b"")] if name.startswith("link") else []
    path = archive(tmp_path / "model.tar.gz", [*members, (tarfile.TarInfo(name), b"x")])
    folder = tmp_path / "folder"
    folder.mkdir()
    with suppress(ModelArtifactError):
        unpack(path, folder)
    assert not (tmp_path / "outside").exists()
    assert not Path("/etc/outside").exists()


def test_a_decompression_bomb_is_rejected_before_it_is_written(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("model.onnx")
    huge.size = 2**40
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.fileobj.write(huge.tobuf())  # type: ignore[union-attr]
    with pytest.raises(ModelArtifactError, match="unpacks to over"):
        unpack(path, tmp_path)
    assert not (tmp_path / "model.onnx").exists()


@given(data=st.data())
def test_a_damaged_archive_is_unpacked_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    path = archive(folder / "model.tar.gz", [(tarfile.TarInfo("model.json"), b"{}" * 100)])
    damaged = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=4)):
        damaged[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        unpack(path, folder)
    except ModelArtifactError as error:
        assert "\n" not in str(error)  # noqa: PT017 - undamaged draws unpack
