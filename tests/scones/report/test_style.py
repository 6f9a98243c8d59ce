"""The colours of the page are legible in both themes (WCAG 2.2: 1.4.3 for text, 1.4.11 for marks)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scones.report

STYLE = (Path(scones.report.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
Colour = tuple[float, float, float]
TEXTS = ("text", "muted", "accent", "accepted", "review", "rejected", "failed")
HUES = ("accent", "second", "muted", "rejected", "accepted", "failed")


def theme(name: str) -> dict[str, Colour]:
    """The variables of a theme as sRGB from 0 to 1; the light ones stand first in the file."""
    block = STYLE.split(":root {")[1 if name == "light" else 2].split("}")[0]
    return {key: parsed(value) for key, value in re.findall(r"--(\w+): (#\w+);", block)}


def parsed(value: str) -> Colour:
    digits = value[1:] if len(value) == 7 else "".join(digit * 2 for digit in value[1:])
    red, green, blue = (int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4))
    return red, green, blue


def mixed(share: float, colour: Colour, other: Colour) -> Colour:
    red, green, blue = (share * one + (1 - share) * two for one, two in zip(colour, other, strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, two: Colour) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_text_has_a_contrast_of_at_least_four_and_a_half(name: str) -> None:
    colours = theme(name)
    tints = [mixed(0.09, colours[hue], colours["ground"]) for hue in HUES]
    pairs = [(colours[text], colours["ground"]) for text in TEXTS]
    pairs += [(colours[text], colours["panel"]) for text in ("text", "muted")]
    pairs += [(colours[text], tint) for text in ("text", "muted", "failed") for tint in tints]
    assert min(contrast(*pair) for pair in pairs) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("cell", "hue"), [("right", "accent"), ("wrong", "failed")])
def test_the_numbers_of_the_confusion_matrix_are_legible_on_the_fullest_cell(name: str, cell: str, hue: str) -> None:
    colours = theme(name)
    (factor,) = re.findall(rf"\.confusion \.{cell} .*?calc\(var\(--share\) \* ([.\d]+)\)", STYLE)
    assert contrast(colours["text"], mixed(float(factor), colours[hue], colours["panel"])) >= 4.5


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_mark_has_a_contrast_of_at_least_three(name: str) -> None:
    colours = theme(name)
    assert min(contrast(colours[mark], colours["ground"]) for mark in (*HUES, "review")) >= 3


def test_every_table_and_plot_scrolls_in_a_box_of_its_own() -> None:
    for page in (Path(scones.report.__file__).parent / "templates").glob("*.html.j2"):
        text = page.read_text(encoding="utf-8")
        boxes = re.findall(r'<div class="(?:scroll|plot)[^>]*>', text)
        assert text.count("<table") == len(re.findall(r'<div class="scroll[^>]*><table', text))
        # A box that scrolls can be reached with the keyboard.
        assert all('tabindex="0"' in box for box in boxes)
