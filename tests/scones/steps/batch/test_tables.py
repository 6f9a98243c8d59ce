from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scones.contract.delivery import BatchAnswer, BatchError
from scones.errors import UsageError
from scones.steps.batch.tables import answer_row, check_writable, write_table

COLUMNS = ["key", "label", "decision", "probability_bicycle", "probability_motorcycle", "novelty", "model", "error"]


def answer(**changed: Any) -> BatchAnswer:
    complete = BatchAnswer(
        labels=["bicycle", "motorcycle"], probabilities=[0.75, 0.25], decision="accept", label="bicycle",
        thresholds=[0.5, 0.5], certificates=[], novelty=0.5, novelty_cut=1.0, model="0.1+a.b", id="a.png",
    )  # fmt: skip
    return complete | changed  # type: ignore[return-value]


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    bad = BatchError(error="ImageRejectedError", message="the image is empty; send another", id="b.png")
    return [answer_row("a.png", answer()), answer_row('b, "quoted".png', bad)]


def test_a_csv_has_a_column_for_each_class_and_for_errors(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_table(rows, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert list(read[0]) == COLUMNS
    assert list(read[0].values()) == ["a.png", "bicycle", "accept", "0.75", "0.25", "0.5", "0.1+a.b", ""]
    assert read[1]["key"] == 'b, "quoted".png'
    assert read[1]["error"] == "ImageRejectedError: the image is empty; send another"


def test_json_lines_have_the_same_columns(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_table(rows, tmp_path / "out.jsonl")
    first, second = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert list(first) == list(second) == COLUMNS
    assert (first["probability_bicycle"], second["probability_bicycle"]) == (0.75, None)


def test_parquet_keeps_numbers_as_numbers(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_table(rows, tmp_path / "out.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == COLUMNS
    assert {name: str(table.schema.field(name).type) for name in ("key", "novelty")} == {
        "key": "string",
        "novelty": "double",
    }
    assert table.column("probability_motorcycle").to_pylist() == [0.25, None]


def test_a_table_of_errors_has_no_class_columns(tmp_path: Path) -> None:
    write_table([answer_row("a.png", BatchError(error="E", message="m"))], tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "key,label,decision,novelty,model,error\na.png,,,,,E: m\n"


@given(st.text().filter(lambda text: "\0" not in text and text.isprintable()))
def test_any_key_can_be_read_back_from_a_csv(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    path = tmp_path_factory.mktemp("table") / "out.csv"
    write_table([answer_row(key, answer())], path)
    with path.open(newline="", encoding="utf-8") as file:
        assert [line["key"] for line in csv.DictReader(file)] == [key]


@pytest.mark.parametrize(
    ("name", "message"), [("out.xlsx", "does not end in .csv, .jsonl, .parquet"), ("no/out.csv", "not a folder")]
)
def test_an_unwritable_file_is_a_usage_error(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_writable(tmp_path / name)
