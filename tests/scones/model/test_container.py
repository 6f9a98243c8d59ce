import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.errors import DataNotFoundError, HyperparameterError, SconesError
from scones.model.container import MAX_FAILURE_CHARACTERS, Container, cpus, write_json


def test_without_a_file_there_are_no_hyperparameters(tmp_path: Path) -> None:
    assert Container(tmp_path).hyperparameters() == {}


def test_a_missing_channel_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="channel 'validation'"):
        Container(tmp_path).channel("validation")


@given(st.binary() | st.sampled_from([b"[]", b"1", b"null", b"[" * 100_000, b'"\xff"']))
def test_hyperparameters_are_a_json_object_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "input" / "config").mkdir(parents=True)
    (root / "input" / "config" / "hyperparameters.json").write_bytes(content)
    try:
        values = Container(root).hyperparameters()
    except HyperparameterError:
        return
    assert values == json.loads(content)
    assert isinstance(values, dict)


@given(st.text(st.characters(codec="utf-8")))
def test_a_failure_is_one_short_line(tmp_path_factory: pytest.TempPathFactory, message: str) -> None:
    root = tmp_path_factory.mktemp("root")
    reason = Container(root).write_failure(SconesError(message))
    text = (root / "output" / "failure").read_text(encoding="utf-8")
    assert text == reason + "\n"
    assert text.splitlines() == [reason]
    assert reason.startswith("SconesError:")
    assert len(reason) <= MAX_FAILURE_CHARACTERS


def test_json_is_written_with_its_folders_and_without_nan(tmp_path: Path) -> None:
    path = tmp_path / "output" / "evaluation" / "evaluation.json"
    write_json(path, {"accuracy": 0.9})
    assert json.loads(path.read_text()) == {"accuracy": 0.9}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"accuracy": math.nan})


def test_there_is_at_least_one_cpu() -> None:
    assert cpus() >= 1
