"""The commands of orders, with stacks that have only outputs."""

from __future__ import annotations

import json
from pathlib import Path

from scones.errors import OrderError

from .conftest import Run


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
