"""Writes the answers about many images as a table: CSV, JSON lines or Parquet, by the file's suffix."""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from scones.contract.delivery import BatchAnswer, BatchError
from scones.errors import UsageError
from scones.steps.storage.outputs import require_file

Row = dict[str, Any]
_FIRST_COLUMNS: Final = ("key", "label", "decision")
_LAST_COLUMNS: Final = ("novelty", "model", "error")
_PROBABILITY: Final = "probability_"


def answer_row(key: str, answer: BatchAnswer | BatchError) -> Row:
    """Return an image's row; an error has `key` and `error` alone."""
    if "error" in answer:
        return {"key": key, "error": f"{answer['error']}: {answer['message']}"}
    probabilities = zip(answer["labels"], answer["probabilities"], strict=True)
    return {
        "key": key,
        "label": answer["label"],
        "decision": answer["decision"],
        **{f"{_PROBABILITY}{label}": probability for label, probability in probabilities},
        "novelty": answer["novelty"],
        "model": answer["model"],
    }


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write rows of `answer_row`, with a column for each class's probability.

    If writing fails, a file that was there before is unchanged.
    """
    # The columns of the first answer come first: a dict keeps the order of its keys.
    classes = dict.fromkeys(name for row in rows for name in row if name.startswith(_PROBABILITY))
    draft = path.with_name(f".{path.name}.draft")
    _WRITERS[path.suffix](rows, (*_FIRST_COLUMNS, *classes, *_LAST_COLUMNS), draft)
    draft.replace(path)


def check_writable(path: Path) -> None:
    """Raise UsageError if `write_table` could not write this file; call it before any expensive work."""
    if path.suffix not in _WRITERS:
        raise UsageError(f"{path} does not end in {', '.join(_WRITERS)}; name it by the format that you want")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError('.parquet needs pyarrow; run `pip install "scones[parquet]"`, or write .csv or .jsonl')
    if not path.resolve().parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder; create it first")
    require_file(path)


def _write_csv(rows: Sequence[Row], columns: Sequence[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _write_json_lines(rows: Sequence[Row], columns: Sequence[str], path: Path) -> None:
    lines = (json.dumps({name: row.get(name) for name in columns}) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _write_parquet(rows: Sequence[Row], columns: Sequence[str], path: Path) -> None:
    # Imported here, because pyarrow is optional and takes a second to load.
    import pyarrow
    import pyarrow.parquet

    numbers = {name for name in columns if name == "novelty" or name.startswith(_PROBABILITY)}
    schema = pyarrow.schema([(name, pyarrow.float64() if name in numbers else pyarrow.string()) for name in columns])
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema), path)


_WRITERS: Final[dict[str, Callable[[Sequence[Row], Sequence[str], Path], None]]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}
