import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import DataNotFoundError, HyperparameterError, SconesError
from scones.model.__main__ import main
from scones.model.container import FAILURE_CHARACTERS, Container


@pytest.mark.parametrize("arguments", [[], ["bake"], ["train", "evaluate"], ["--help"]])
def test_an_unknown_program_gets_the_usage_and_exit_code_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, {"SCONES_ML_ROOT": str(tmp_path)}) == 2
    assert "usage: python -m scones.model train|evaluate|serve" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_package_loads_neither_torch_nor_onnxruntime() -> None:
    code = (
        "import sys, scones.model.__main__; print([n for n in ('torch', 'onnxruntime', 'numpy') if n in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_no_hyperparameter_file_means_no_hyperparameters(tmp_path: Path) -> None:
    assert Container(tmp_path).hyperparameters() == {}


def test_a_missing_channel_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="channel 'validation'"):
        Container(tmp_path).channel("validation")


@given(st.binary() | st.sampled_from([b"[]", b"1", b"null", b"[" * 100_000, b'"\xff"']))
def test_hyperparameters_are_an_object_or_refused(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "config" / "hyperparameters.json").write_bytes(text)
    try:
        values = Container(root).hyperparameters()
    except HyperparameterError:
        return
    assert values == json.loads(text)
    assert isinstance(values, dict)


@given(st.text(st.characters(codec="utf-8")))
def test_a_failure_is_one_short_line(tmp_path_factory: pytest.TempPathFactory, message: str) -> None:
    root = tmp_path_factory.mktemp("root")
    reason = Container(root).write_failure(SconesError(message))
    text = (root / "output" / "failure").read_text(encoding="utf-8")
    assert text == reason + "\n"
    assert text.splitlines() == [reason]
    assert reason.startswith("SconesError:")
    assert len(reason) <= FAILURE_CHARACTERS
