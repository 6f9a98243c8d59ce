"""The depot's commands and `stage --labels`, with stacks that have only outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from scones.cli import app
from scones.errors import OrderError, UsageError
from scones.steps.dataset.sketches import draw, png

from .conftest import Run
from .program import scones

ARRIVAL = "0123456789abcdef" * 2


def test_orders_are_added_imported_and_listed(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("orders", "list").stdout) == []
    add = ("orders", "add", "o-17", "--promised", "2026-11-25T19:30+01:00", "--km", "3.2")
    assert json.loads(run(*add).stdout) == [{"order_id": "o-17", "added": True}]
    assert json.loads(run(*add).stdout) == [{"order_id": "o-17", "added": False}]
    evening = tmp_path / "evening.csv"
    evening.write_text("order_id,promised_at,distance_km\no-17,2026-11-25T19:30Z,9\no-18,2026-11-25T18:00Z,9\n")
    done = run("orders", "import", str(evening))
    assert json.loads(done.stdout) == [{"orders": 2, "added": 1, "known": 1}]
    rows = json.loads(run("orders", "list").stdout)
    assert [(row["order_id"], row["state"], row["distance_km"]) for row in rows] == [
        ("o-18", "OPEN", 9),
        ("o-17", "OPEN", 3.2),
    ]


def test_an_invalid_order_is_an_error_and_no_order_of_its_file_is_added(run: Run, tmp_path: Path) -> None:
    evening = tmp_path / "evening.csv"
    evening.write_text("order_id,promised_at,distance_km\no-17,2026-11-25T19:30Z,9\no-18,soon,9\n")
    for arguments in (("import", str(evening)), ("add", "o-19", "--promised", "2026-11-25T19:30", "--km", "3")):
        assert isinstance(run("orders", *arguments).exception, OrderError)
    assert json.loads(run("orders", "list").stdout) == []


def test_failed_deliveries_are_listed_and_redriven(
    run: Run, outputs: dict[str, str], localaws: Any, eventually: Callable[..., Any]
) -> None:
    assert json.loads(run("deliveries", "--failed").stdout) == []
    event = json.dumps({"s3_key": "arrivals/anna/1.png"})
    states, sqs = localaws.client("stepfunctions"), localaws.client("sqs")
    states.start_execution(stateMachineArn=outputs["DeliveryMachine"], name="a1", input=event)
    letter = sqs.send_message(QueueUrl=outputs["DeadLetters"], MessageBody=event)["MessageId"]
    eventually(lambda: [row["status"] for row in json.loads(run("deliveries").stdout)] == ["FAILED"])
    (execution, undelivered) = json.loads(run("deliveries", "--failed").stdout)
    assert (execution["name"], execution["error"], execution["s3_key"]) == ("a1", "Broken", "arrivals/anna/1.png")
    assert (undelivered["name"], undelivered["status"]) == (letter, "UNDELIVERED")
    assert [row["name"] for row in json.loads(run("deliveries", "--failed", "--redrive").stdout)] == ["a1", letter]
    assert {row["name"] for row in json.loads(run("deliveries").stdout)} == {"a1", "a1-r1", letter}


def test_staging_with_labels_adds_them_and_prints_their_number(run: Run, localaws: Any, tmp_path: Path) -> None:
    for label in ("bicycle", "motorcycle"):
        (tmp_path / label).mkdir()
        for seed in range(10):
            (tmp_path / label / f"{seed}.png").write_bytes(png(draw(label, seed)))
    (before,) = json.loads(run("stage", str(tmp_path), "--labels").stdout)
    s3 = localaws.client("s3")
    s3.put_object(Bucket="depot-cli", Key=f"labels/{ARRIVAL}.png", Body=png(draw("motorcycle", 77)))
    label = {"image_key": f"labels/{ARRIVAL}.png", "answer": "motorcycle", "reviewer": "anna"}
    s3.put_object(Bucket="depot-cli", Key=f"labels/{ARRIVAL}.json", Body=json.dumps(label).encode())
    done = run("stage", str(tmp_path), "--labels")
    (after,) = json.loads(done.stdout)
    assert ", 1 labelled in review:" in done.stderr
    counts = {name: n for name, n in before.items() if name not in ("digest", "uploaded", "unchanged")}
    assert after.items() >= (counts | {"train motorcycle": counts["train motorcycle"] + 1}).items()
    assert json.loads(run("stage", str(tmp_path)).stdout)[0]["digest"] == before["digest"] != after["digest"]


def test_a_review_without_an_answer_is_a_usage_error(tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["review", "a1"]).exception, UsageError)
    done = scones(tmp_path, "review", "a1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "the answer is missing; run `scones review ARRIVAL bicycle`" in done.stderr
