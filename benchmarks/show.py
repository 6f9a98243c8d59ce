"""The figures of `benchmarks.train` as printed tables of at most 100 columns; measures nothing."""

from __future__ import annotations

from typing import Any


def show(result: dict[str, Any]) -> None:
    """Print the machine, the data and every table."""
    about = result["machine"]
    counts = result["data"]["counts"]
    print(
        f"\n{about['cores']} x {about['cpu']}, load {about['load']}, Python {about['python']}, torch {about['torch']}"
    )
    print(", ".join(f"{sum(n.values())} {split}" for split, n in counts.items()), end="")
    negatives = sum(result["data"]["negatives"].values())
    print(f", {negatives} negatives, {len(result['data']['left_out'])} left out; ", end="")
    print(f"{result['seconds']:.0f} s in all\n")
    show_figures(result["table"])
    show_comparison(result["comparison"])
    show_int8(result["int8"])
    same = [f"{name} {'identical' if equal else 'DIFFERENT'}" for name, equal in result["identical_seed"].items()]
    print(f"\nseed 0 trained twice: {', '.join(same)}")


def show_figures(table: dict[str, Any]) -> None:
    """Print our figures with their targets, beside those of the network from scratch."""
    ours = table["backbone"]
    scratch = table["from scratch"]
    heads = [f"{name}, n={rows['accuracy']['n']}" for name, rows in table.items()]
    print(f"{'mean (least to greatest)':25}{heads[0]:>27}{'bar':>15}{'':>6}{heads[1]:>27}")
    for name, row in ours.items():
        print(f"{name:25}{row['shown']:>27}{row['bar']:>15}{row['verdict']:>6}{scratch[name]['shown']:>27}")


def show_comparison(rows: list[dict[str, Any]]) -> None:
    """Print every method's accuracy."""
    print(f"\n{'accuracy':25}{'n':>3}{'test (95 % Wilson)':>25}{'photos (95 % Wilson)':>25}{'seconds':>10}  ours is")
    for row in rows:
        verdict = {True: "ahead", False: "not ahead", None: ""}[row.get("ours_ahead")]
        figures = f"{interval(row['accuracy']):>25}{interval(row['photos']):>25}"
        print(f"{row['name']:25}{row['seeds']:>3}{figures}{row['seconds']:>10.1f}  {verdict}")


def show_int8(int8: dict[str, Any]) -> None:
    """Print full precision and int8 side by side."""
    print(f"\n{'mean over ' + str(int8['n']) + ' seeds':25}{'fp32':>10}{'int8':>10}  worse in")
    for name, row in int8["figures"].items():
        values = ("-" if row[kind] is None else f"{row[kind]:.4f}" for kind in ("fp32", "int8"))
        print(f"{name:25}" + "".join(f"{value:>10}" for value in values) + f"{row['worse_seeds']:>4} of {int8['n']}")
    print(f"int8 makes worse: {', '.join(int8['suffers']) or 'nothing'}")


def interval(value: dict[str, float]) -> str:
    """Format a proportion with its interval."""
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"
