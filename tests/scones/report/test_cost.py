from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scones
from scones.report import cost
from scones.report.types import LambdaRun, Run, not_entered

from .conftest import invocation

times = st.lists(st.floats(min_value=0, max_value=1e5), max_size=20)


def lines_of(run: Run, service: str, unit: str) -> list[float]:
    return [line["usd"] for line in cost.bill(run) if line["service"] == service and line["unit"] == unit]


def test_each_line_is_its_quantity_times_its_price(run: Run) -> None:
    for line in cost.bill(run):
        assert line["usd"] == pytest.approx(line["quantity"] * line["usd_per_unit"])
        assert line["quantity"] > 0


def test_the_lines_are_split_into_per_use_and_fixed(run: Run) -> None:
    lines = cost.bill(run)
    assert [line["item"] for line in lines if line["fixed"]] == ["storage, rounded up to 1 GB"]
    assert cost.total(lines) + cost.total(lines, fixed=True) == pytest.approx(sum(line["usd"] for line in lines))


def test_training_is_billed_by_whole_seconds_of_its_instance(run: Run) -> None:
    assert run["release"]
    run["release"]["states"]["Train"]["seconds"] = [41.2, 9.0]
    train = next(line for line in cost.bill(run) if line["item"] == "train on ml.m5.large")
    assert train["quantity"] == pytest.approx(51 / 3600)
    assert train["usd"] == pytest.approx(51 / 3600 * 0.115)
    assert not train["confirmed"]


@given(st.sampled_from([128, 256, 1024]), times, times)
def test_lambda_is_billed_what_its_report_lines_say(memory: int, cold: list[float], warm: list[float]) -> None:
    run = bare()
    lines = [invocation("c", ms, ms) for ms in cold] + [invocation("w", ms) for ms in warm]
    run["lambdas"] = [LambdaRun(name="f", invocations=lines, memory_mb=memory, max_memory_mb=memory)]
    billed = sum(line["billed_ms"] for line in lines) / 1000 * memory / 1024
    assert sum(lines_of(run, "Lambda", "GB-seconds")) == pytest.approx(billed * 0.0000133334)
    assert sum(lines_of(run, "Lambda", "requests")) == pytest.approx(len(lines) * 2e-7)
    assert cost.lambda_usd(run["lambdas"]) == pytest.approx(
        cost.total(cost.bill(run)) - cost.total(cost.bill(bare())), abs=0.0051
    )


def test_a_batch_transform_job_is_billed_by_whole_seconds_of_its_instance(run: Run) -> None:
    (line,) = [line for line in cost.bill(run) if line["item"] == "classify on ml.c5.xlarge"]
    assert line["quantity"] == pytest.approx(91 / 3600)


def test_tables_are_billed_for_each_attempt_of_a_state_that_asks_them(run: Run) -> None:
    assert run["delivery"]
    states = run["delivery"]["states"]
    states["Dispatch"] = not_entered() | {"entered": 3, "retried": 2}
    del states["Record"], states["Review"]
    units = {line["item"].split()[0]: line["quantity"] for line in cost.bill(run) if line["service"] == "DynamoDB"}
    assert units == {"write": 5 * 8, "read": pytest.approx(5 * 3.8125)}


def test_only_states_of_the_delivery_ask_tables() -> None:
    delivery = json.loads((Path(scones.__file__).parent / "workflow" / "delivery.asl.json").read_text())
    assert set(cost.TABLE_UNITS) <= set(delivery["States"])


def test_a_state_that_is_entered_or_tried_again_is_another_transition(run: Run) -> None:
    before = sum(lines_of(run, "Step Functions", "transitions"))
    assert run["release"]
    run["release"]["states"]["Train"]["entered"] += 100
    run["release"]["states"]["Train"]["retried"] += 50
    assert sum(lines_of(run, "Step Functions", "transitions")) == pytest.approx(before + 150 * 0.000025)


def test_a_real_time_endpoint_costs_by_the_month_whether_it_is_asked_or_not(run: Run) -> None:
    run["instance_types"]["serve"], run["realtime_instances"] = "ml.c7i.large", 2
    line = next(line for line in cost.bill(run) if line["item"].startswith("real-time inference"))
    assert (line["quantity"], line["fixed"]) == (2 * 730, True)
    assert not any(line["item"].startswith("serverless") for line in cost.bill(run))


def test_an_instance_without_a_known_price_says_so(run: Run) -> None:
    run["instance_types"] = {"train": "ml.unheard.of", "evaluate": "ml.m5.large"}
    train = next(line for line in cost.bill(run) if line["item"] == "train on ml.unheard.of")
    assert (train["source"], train["confirmed"], train["usd"]) == (cost.NO_PRICE, False, 0.0)


def test_a_run_of_nothing_costs_only_its_storage() -> None:
    assert {line["service"] for line in cost.bill(bare())} == {"S3"}


def test_every_price_has_a_source_and_says_whether_it_is_confirmed() -> None:
    for price in cost.prices().values():
        assert price["source"]
        assert price["source_date"]
        assert price["status"] in ("confirmed", "unconfirmed")


def bare() -> Run:
    return Run(
        id="r",
        project="p",
        where="laptop",
        started_at="2026-01-01T00:00:00Z",
        notice=None,
        manifest={
            "digest": "0" * 64,
            "source": "nowhere",
            "sketches": False,
            "classes": [],
            "counts": {},
            "images": [],
            "left_out": {},
            "duplicates": [],
        },
        samples=[],
        metrics=None,
        evaluation=None,
        wrong=[],
        release=None,
        deploy=None,
        delivery=None,
        lambdas=[],
        transforms=[],
        decisions=[],
        threshold=0.5,
        instance_types={},
        serverless_mb=2048,
        realtime_instances=0,
        seconds={},
    )
