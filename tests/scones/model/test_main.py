import subprocess
import sys
from pathlib import Path

import pytest

from scones.model.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["bake"], ["train", "evaluate"], ["--help"]])
def test_wrong_arguments_print_the_usage_and_exit_with_2(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, {"SCONES_ML_ROOT": str(tmp_path)}) == 2
    assert "usage: python -m scones.model train|evaluate|serve" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_entry_point_imports_neither_torch_nor_onnxruntime() -> None:
    code = (
        "import sys, scones.model.__main__; print([n for n in ('torch', 'onnxruntime', 'numpy') if n in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_an_error_exits_with_1_and_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"], {"SCONES_ML_ROOT": str(tmp_path)}) == 1
    reason = (tmp_path / "output" / "failure").read_text()
    assert reason.startswith("DataNotFoundError: the channel 'train' does not exist")
    assert capsys.readouterr().err.endswith(reason)
