"""Figures over seeds with their targets, and the comparison of methods, as JSON; measures and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from scones.contract.release import Interval
from scones.model.evaluation.metrics import wilson

Run = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure at `path` in a run; `judge` reduces the seeds' values to the one compared with the target."""

    name: str
    path: str
    form: str = ".3f"
    at_least: float | None = None
    at_most: float | None = None
    judge: Callable[[Sequence[float]], float] = fmean

    def value(self, run: Run) -> float | None:
        """Return None if undefined, as the share of errors among accepted predictions if none was accepted."""
        value: Any = run
        for name in self.path.split("."):
            value = None if value is None else value[name]
        return None if value is None else float(value)

    @property
    def bar(self) -> str:
        """Return the target as text, empty without one."""
        if self.at_least is not None:
            return f">= {self.at_least:{self.form}}"
        return f"<= {self.at_most:{self.form}}" if self.at_most is not None else ""

    def verdict(self, values: Sequence[float]) -> str:
        """Return "met" or "short", or nothing without a target."""
        if not self.bar or not values:
            return ""
        judged = self.judge(values)
        met = (
            judged >= self.at_least
            if self.at_least is not None
            else self.at_most is not None and judged <= self.at_most
        )
        return "met" if met else "short"


# The targets of issue 3. Accuracy is judged by its mean over the seeds, resources by the worst seed.
FIGURES = (
    Figure("accuracy", "test.accuracy.value", at_least=0.95),
    Figure("calibration error", "test.calibration_error", at_most=0.03),
    Figure("Brier score", "test.brier"),
    Figure("gate: coverage", "test.acceptance.coverage.value", at_least=0.85),
    Figure("gate: wrong", "test.acceptance.wrong.value", at_most=0.02),
    Figure("neither refused", "test.novelty.others_refused.value", at_least=0.95),
    Figure("vehicles refused", "test.novelty.vehicles_refused.value"),
    Figure("photos: accuracy", "photos.accuracy.value", at_least=0.93),
    Figure("photos: gate coverage", "photos.acceptance.coverage.value"),
    Figure("photos: gate wrong", "photos.acceptance.wrong.value", at_most=0.02),
    Figure("photos: neither refused", "photos.novelty.others_refused.value"),
    Figure("one fit, s", "fit_seconds", ".1f", at_most=40, judge=max),
    Figure("whole job, s", "job_seconds", ".1f", at_most=180, judge=max),
    Figure("peak memory, MB", "peak_megabytes", ".0f", at_most=1500, judge=max),
    Figure("model.onnx, MB", "model_megabytes", ".2f", at_most=8, judge=max),
    Figure("multiply-adds", "multiply_adds", ",.0f", at_most=40e6, judge=max),
    Figure("one image, ms", "test.milliseconds", ".2f"),
)
# The figures that int8 may change, by whether a higher or a lower value is better.
HIGHER = ("accuracy", "gate: coverage", "neither refused", "photos: accuracy", "photos: neither refused")
LOWER = ("calibration error", "gate: wrong", "photos: gate wrong", "model.onnx, MB", "one image, ms")


def summarise(runs: Sequence[Run]) -> dict[str, Any]:
    """Return each figure's mean and range over the `n` runs that have it, with its target and verdict."""
    return {figure.name: _over_seeds(figure, runs) for figure in FIGURES}


def _over_seeds(figure: Figure, runs: Sequence[Run]) -> dict[str, Any]:
    values = [value for run in runs if (value := figure.value(run)) is not None]
    row: dict[str, Any] = {"n": len(values), "bar": figure.bar, "verdict": figure.verdict(values)}
    if not values:
        return row | {"shown": "nothing accepted"}
    low = min(values)
    mean = fmean(values)
    high = max(values)
    spread = "" if low == high else f" ({low:{figure.form}} to {high:{figure.form}})"
    return row | {"mean": mean, "low": low, "high": high, "shown": f"{mean:{figure.form}}{spread}"}


def network_row(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Return a line of the comparison; all seeds share the images, so the interval is that of the mean on them."""
    return {
        "name": name,
        "seeds": len(runs),
        "accuracy": _mean_interval([run["test"]["accuracy"] for run in runs]),
        "photos": _mean_interval([run["photos"]["accuracy"] for run in runs]),
        "seconds": round(fmean(run["job_seconds"] for run in runs), 2),
    }


def _mean_interval(intervals: Sequence[Interval]) -> Interval:
    n = intervals[0]["n"]
    mean = fmean(interval["value"] for interval in intervals)
    return Interval(**(wilson(round(mean * n), n) | {"value": mean}))


def compare(ours: dict[str, Any], others: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all lines, ours first; `ours_ahead` is whether our mean is above the line's."""
    mean = ours["accuracy"]["value"]
    return [ours, *(row | {"ours_ahead": mean > row["accuracy"]["value"]} for row in others)]


def compare_int8(fp32: Sequence[Run], int8: Sequence[Run]) -> dict[str, Any]:
    """Return both means over the seeds, in how many seeds int8 is worse, and the figures whose mean it worsens."""
    rows = {figure.name: _compare(figure, fp32, int8) for figure in FIGURES if figure.name in HIGHER + LOWER}
    return {"n": len(fp32), "figures": rows, "suffers": [name for name, row in rows.items() if row["is_worse"]]}


def _compare(figure: Figure, fp32: Sequence[Run], int8: Sequence[Run]) -> dict[str, Any]:
    sign = 1 if figure.name in HIGHER else -1
    values = [(figure.value(before), figure.value(after)) for before, after in zip(fp32, int8, strict=True)]
    pairs = [(before, after) for before, after in values if before is not None and after is not None]
    if not pairs:
        return {"fp32": None, "int8": None, "worse_seeds": 0, "is_worse": False}
    before, after = (fmean(column) for column in zip(*pairs, strict=True))
    worse = sum(sign * (second - first) < 0 for first, second in pairs)
    return {"fp32": before, "int8": after, "worse_seeds": worse, "is_worse": sign * (after - before) < 0}
