import io
import tarfile
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scones.report.run import TimedState
from scones.steps.gather import add_times, artifacts, lambda_run

COLD = (
    "REPORT RequestId: 1\tDuration: 12.50 ms\tBilled Duration: 300 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 61 MB\tInit Duration: 280.25 ms\t\n"
)
WARM = "REPORT RequestId: 2\tDuration: 2.25 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB\tMax Memory Used: 63 MB\t\n"
START = datetime(2026, 11, 22, tzinfo=UTC)


def test_report_lines_become_cold_and_warm_figures() -> None:
    run = lambda_run("scones-filter", ["START RequestId: 1", COLD, WARM, "END"])
    assert run == {
        "name": "scones-filter",
        "init_ms": [280.25],
        "cold_ms": [12.5],
        "warm_ms": [2.25],
        "memory_mb": 128,
        "max_memory_mb": 63,
    }


@given(st.lists(st.text()))
def test_log_lines_without_a_report_are_no_run(messages: list[str]) -> None:
    assert lambda_run("scones-filter", [message for message in messages if "REPORT" not in message]) is None


def test_a_state_that_was_entered_and_never_left_failed() -> None:
    states = {
        "Train": TimedState(entered=0, failed=0, seconds=[]),
        "BelowGate": TimedState(entered=0, failed=0, seconds=[]),
    }
    events: list[dict[str, Any]] = [
        {"timestamp": START, "stateEnteredEventDetails": {"name": "Train"}},
        {"timestamp": START + timedelta(seconds=2), "stateExitedEventDetails": {"name": "Train"}},
        {"timestamp": START + timedelta(seconds=2), "stateEnteredEventDetails": {"name": "BelowGate"}},
    ]
    add_times(states, iter(events))
    assert states["Train"] == {"entered": 1, "failed": 0, "seconds": [2.0]}
    assert states["BelowGate"] == {"entered": 1, "failed": 1, "seconds": []}


class Archive:
    """S3 that holds one model.tar.gz."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.body = io.BytesIO()
        with tarfile.open(fileobj=self.body, mode="w:gz") as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert Key == "models/r1/output/model.tar.gz"
        return {"Body": io.BytesIO(self.body.getvalue())}


def test_what_training_wrote_is_read_out_of_the_archive() -> None:
    s3 = Archive({"./metrics.json": b'{"seed": 1}', "audit.json": b"[]", "model.onnx": b"\x00"})
    assert artifacts("b", "r1", s3=s3) == {"metrics.json": {"seed": 1}, "audit.json": []}
