"""Log lines and metrics of a container."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from localaws.services.sagemaker.containers.logs import MetricParser, follow


def _lines_of(program: str) -> list[str]:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    lines: list[str] = []
    follow(process, lines.extend)
    process.wait()
    return lines


def test_lines_are_complete_even_without_a_final_newline() -> None:
    assert _lines_of("print('one\\r\\ntwo'); print('three', end='')") == ["one", "two", "three"]


def test_output_without_newlines_or_valid_utf8_is_split_and_kept() -> None:
    lines = _lines_of("import os; os.write(1, b'\\xff' * 600_000)")
    assert sum(map(len, lines)) == 600_000
    assert len(lines) > 1


@given(st.lists(st.text(max_size=20), max_size=10))
def test_metrics_read_any_line(lines: list[str]) -> None:
    metrics = MetricParser([{"Name": "loss", "Regex": "loss=(.*)"}, {"Name": "groupless", "Regex": "x"}])
    metrics.parse([*lines, "loss=fish", "loss=1e-3"])
    assert [(metric["MetricName"], metric["Value"]) for metric in metrics.final] == [("loss", 0.001)]
