"""The plots that need axes, as inline SVG. Pure; matplotlib is loaded by the first plot, not by the import.

Colours are those of `style.css`: matplotlib draws with stand-ins, which become CSS variables, so that one plot reads
well on light and on dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from scones.contract.delivery import Decision
from scones.contract.release import Metrics, NoveltyScore, Reliability
from scones.contract.simulation import Simulation
from scones.report.types import Verdict, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404"
VERDICTS: dict[Verdict, str] = {
    "accepted": "#050505",
    "review": "#060606",
    "rejected": "#070707",
    "failed": "#080808",
}
STYLES = ("--", ":", "-.")
VARIABLES = {
    INK: "--muted",
    FAINT: "--line",
    FIRST: "--accent",
    SECOND: "--second",
    **{colour: f"--{name}" for name, colour in VERDICTS.items()},
}


def training_curve(metrics: Metrics) -> str:
    """Return the loss (nats) and the accuracy against the epoch, of the training and the validation set."""
    figure = _figure(7.6, 2.7)
    epochs = metrics["epochs"]
    number = [epoch["epoch"] for epoch in epochs]
    loss, accuracy = figure.subplots(1, 2)
    loss.plot(number, [epoch["train_loss"] for epoch in epochs], color=SECOND, label="train")
    loss.plot(number, [epoch["validation_loss"] for epoch in epochs], color=FIRST, label="validation")
    accuracy.plot(number, [epoch["train_accuracy"] * 100 for epoch in epochs], color=SECOND, label="train")
    accuracy.plot(number, [epoch["validation_accuracy"] * 100 for epoch in epochs], color=FIRST, label="validation")
    for axes, title in ((loss, "loss (cross-entropy, nats)"), (accuracy, "accuracy (%)")):
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        _dress(axes, title)
    loss.legend(frameon=False, labelcolor=INK, fontsize=9)
    return _svg(figure, "training")


def confidences(decisions: Sequence[Decision]) -> str:
    """Return the model's confidence in each delivered image against the seconds since the first, coloured by verdict.

    There is one line per threshold, and each label may have its own. A threshold above 1 accepts nothing and has no
    line.
    """
    figure = _figure(7.6, 2.7)
    axes = figure.subplots()
    times = [datetime.fromisoformat(decision["decided_at"]) for decision in decisions]
    for name, colour in VERDICTS.items():
        shown = [
            ((time - min(times)).total_seconds(), decision["confidence"] or 0.0)
            for time, decision in zip(times, decisions, strict=True)
            if verdict(decision) == name
        ]
        if shown:
            x, y = zip(*shown, strict=True)
            axes.scatter(x, y, s=26, color=colour, label=f"{name} ({len(shown)})")
    for threshold, labels in _thresholds(decisions).items():
        label = f"threshold {threshold:.3g} ({', '.join(labels)})"
        style = STYLES[len(axes.lines) % len(STYLES)]
        axes.axhline(threshold, color=INK, linewidth=1, linestyle=style, label=label)
    axes.set_ylim(0, 1.04)
    axes.set_xlabel("seconds since the first decision")
    _dress(axes, "confidence")
    legend = axes.legend(frameon=False, labelcolor=INK, fontsize=9, loc="lower right")
    for text in legend.get_texts():
        # The name of a class is text, even if it looks like a formula to matplotlib.
        text.set_parse_math(False)
    return _svg(figure, "confidence")


def reliability(measured: Reliability) -> str:
    """Return the reliability diagram, the risk-coverage curve and, with negatives, the ROC curve of their detection."""
    novelty = measured["novelty"]
    figure = _figure(8.8 if novelty else 7.6, 2.9)
    reliability, risk, *rest = figure.subplots(1, 3 if novelty else 2)
    _reliability(reliability, measured)
    _risk(risk, measured)
    if novelty:
        _roc(rest[0], novelty)
    return _svg(figure, "reliability")


def evenings(simulation: Simulation) -> str:
    """Return the late minutes per evening by policy, with intervals, and per order against the use of the fleet."""
    figure = _figure(8.8, 3.2)
    late, busy = figure.subplots(1, 2)
    colours = dict(zip(simulation["policies"], cycle((VERDICTS["failed"], SECOND, FIRST, INK)), strict=False))
    for name, colour in colours.items():
        mean = simulation["policies"][name]["late minutes"]
        late.plot([mean["low"], mean["high"]], [name, name], color=colour, linewidth=3)
        late.plot([mean["value"]], [name], "o", color=colour, markersize=7)
        loads = [(100 * load["in_use"], load["late_minutes_an_order"][name]) for load in simulation["loads"]]
        used = [share for share, _ in loads]
        busy.plot(used, [mean["value"] for _, mean in loads], "o-", color=colour, markersize=4, label=name)
        busy.fill_between(
            used, *([mean[side] for _, mean in loads] for side in ("low", "high")), color=colour, alpha=0.15
        )
    late.invert_yaxis()
    # The values range from 0 to hours, and a logarithmic axis has no zero.
    late.set_xscale("symlog", linthresh=10)
    late.set_xlim(left=0)
    busy.set_yscale("symlog", linthresh=0.1)
    late.xaxis.set_major_formatter("{x:g}")
    busy.yaxis.set_major_formatter("{x:g}")
    late.set_xlabel("mean of an evening, 95 % interval")
    busy.set_xlabel("of the fleet's time on the road (%)")
    _dress(late, "late minutes")
    _dress(busy, "late minutes an order")
    figure.legend(loc="outside lower center", ncols=len(colours), frameon=False, labelcolor=INK, fontsize=9)
    return _svg(figure, "evenings")


def standalone(svg: str) -> str:
    """Return a plot as a standalone SVG file, with the namespace, colours and font that a page would provide."""
    style = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    colours = style[: style.index("* {")]
    opening = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return svg.replace("<svg", opening, 1).replace(
        ">", f"><style>{colours}text {{ font-family: sans-serif !important; }}</style>", 1
    )


def _reliability(axes: Axes, measured: Reliability) -> None:
    bins = measured["bins"]
    confidence, accuracy = ([part[side] for part in bins] for side in ("confidence", "accuracy"))
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    axes.plot(confidence, accuracy, "o-", color=FIRST, markersize=4)
    low = min([0.5, *confidence, *accuracy])
    axes.set_xlim(low - 0.02, 1.02)
    axes.set_ylim(low - 0.02, 1.02)
    axes.set_xlabel("confidence")
    axes.set_ylabel("accuracy")
    _dress(axes, "reliability diagram")


def _risk(axes: Axes, measured: Reliability) -> None:
    shares, wrong = zip(*measured["risk_coverage"], strict=True)
    axes.plot([100 * share for share in shares], [100 * share for share in wrong], color=FIRST)
    axes.axvline(100 * measured["acceptance"]["coverage"]["value"], color=INK, linewidth=0.8, linestyle=":")
    axes.set_xlabel("coverage (%)")
    axes.set_ylabel("error rate (%)")
    _dress(axes, "risk-coverage curve")


def _roc(axes: Axes, novelty: NoveltyScore) -> None:
    false_positives, true_positives = zip(*novelty["curve"], strict=True)
    axes.plot([100 * share for share in false_positives], [100 * share for share in true_positives], color=FIRST)
    cut = [100 * novelty[side]["value"] for side in ("vehicles_refused", "others_refused")]
    axes.plot(*cut, "o", color=SECOND, markersize=5)
    axes.set_xlabel("false positive rate (%)")
    axes.set_ylabel("true positive rate (%)")
    _dress(axes, "ROC, out-of-distribution")


def _thresholds(decisions: Sequence[Decision]) -> dict[float, list[str]]:
    """Return threshold -> the labels that it applies to."""
    found = {(decision["threshold"], decision["label"]) for decision in decisions}
    pairs = [(limit, " ".join((label or "any").split())) for limit, label in found if limit is not None and limit <= 1]
    return {threshold: sorted(label for one, label in pairs if one == threshold) for threshold, _ in sorted(pairs)}


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(INK)
        axis.label.set_fontsize(9)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)


def _svg(figure: Figure, name: str) -> str:
    """Return a figure as an `<svg>` element without external references; `name` makes its IDs unique on a page."""
    from matplotlib import rc_context

    drawn = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    svg = re.sub(r"<metadata>.*?</metadata>", "", drawn.getvalue(), flags=re.DOTALL)
    svg = re.sub(r' (xmlns(:xlink)?|version)="[^"]*"', "", svg[svg.index("<svg") :])
    svg = svg.replace("<svg", f'<svg role="img" aria-label="Plot: {name}"', 1)
    return re.sub("|".join(VARIABLES), lambda match: f"var({VARIABLES[match[0]]})", svg)
