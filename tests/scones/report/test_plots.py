import re
import xml.etree.ElementTree as ET

from scones.contract.simulation import Estimate, Load, Simulation
from scones.report import plots
from scones.report.types import Run

CURVES = ("first come first served", "hard threshold", "ours", "oracle")


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value * 0.8, high=value * 1.2)


def simulation() -> Simulation:
    late = {name: estimate(10.0 * n) for n, name in enumerate(CURVES, 1)}
    load = Load(times=1.0, in_use=0.5, late_minutes_an_order=late, to_oracle=None)
    policies = {name: {"late minutes": value} for name, value in late.items()}
    return Simulation(
        evenings=2,
        seed=0,
        model="m",
        policies=policies,
        saved=late,
        to_oracle=None,
        loads=[load, load | {"in_use": 0.7}],
    )


def test_plots_have_the_colours_of_the_page_and_no_external_reference(run: Run) -> None:
    assert run["metrics"]
    drawn = plots.training_curve(run["metrics"])
    ET.fromstring(drawn.replace("xlink:href", "href"))  # noqa: S314 - our own output
    assert "var(--accent)" in drawn
    assert not re.search(r"https?://", drawn)
    assert not [colour for colour in plots.VARIABLES if colour in drawn]


def test_equal_figures_give_equal_plots(run: Run) -> None:
    assert plots.confidences(run["decisions"][:5]) == plots.confidences(run["decisions"][:5])


def test_a_class_that_looks_like_a_formula_is_drawn_as_text(run: Run) -> None:
    decisions = [decision | {"label": "$\\frac$", "threshold": 0.5} for decision in run["decisions"][:3]]
    assert "frac" in plots.confidences(decisions)  # type: ignore[arg-type]


def test_without_negatives_there_is_no_roc_curve(run: Run) -> None:
    assert run["evaluation"]
    measured = run["evaluation"]["reliability"]
    without = plots.reliability({**measured, "novelty": None})
    assert without.count('id="axes_') == plots.reliability(measured).count('id="axes_') - 1 == 2


def test_the_simulation_has_a_line_for_each_policy_and_stands_alone() -> None:
    drawn = plots.standalone(plots.evenings(simulation()))
    ET.fromstring(drawn)  # noqa: S314 - our own output
    assert all(name in drawn for name in CURVES)
