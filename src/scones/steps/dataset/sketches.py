"""Draws bicycles and motorcycles, for machines without network and for the documentation.

Sketches replace photographs where none can be downloaded. Metrics measured on them show that the workflow runs, not how
good a model is on real arrivals.

A seed must always give the same drawing, because a data set is named by its bytes: the order of the calls of `rng`
never changes.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from scones.steps.dataset.pen import Colour, Pen, Point, Pose, arc

REAR: Final = (-0.5, 0.0)
FRONT: Final = (0.5, 0.0)
WALLS: Final = ((150, 190, 225), (205, 210, 215), (225, 215, 195), (160, 90, 70), (95, 110, 125), (190, 165, 130))
GROUNDS: Final = ((95, 95, 100), (150, 150, 145), (85, 125, 60), (200, 180, 140), (120, 95, 75), (50, 60, 55))


def _shade(rng: random.Random, low: int, high: int) -> Colour:
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def _grey(rng: random.Random, low: int, high: int) -> Colour:
    level = rng.randint(low, high)
    return level, level, level


def _paint(rng: random.Random) -> Colour:
    """Return a vehicle's colour: usually strong, sometimes nearly black or white."""
    if rng.random() < 0.3:
        return _grey(rng, 10, 60) if rng.random() < 0.6 else _grey(rng, 200, 245)
    channels = [rng.randint(140, 240), rng.randint(10, 160), rng.randint(10, 90)]
    rng.shuffle(channels)
    return channels[0], channels[1], channels[2]


def _bicycle(pen: Pen, rng: random.Random) -> None:
    paint = _paint(rng)
    tyre = _grey(rng, 10, 90)
    metal = _grey(rng, 110, 220)
    radius = rng.uniform(0.3, 0.36)
    tube = rng.uniform(0.022, 0.042)
    seat = (rng.uniform(-0.24, -0.16), rng.uniform(0.42, 0.54))
    bracket = (rng.uniform(-0.08, -0.02), -0.03)
    head = (rng.uniform(0.3, 0.36), rng.uniform(0.46, 0.56))
    fork = (rng.uniform(0.36, 0.39), 0.36)
    for axle in (REAR, FRONT):
        _spokes(pen, metal, axle, radius, rng.choice((0, 8, 12)))
        pen.ring(tyre, rng.uniform(0.025, 0.07), axle, radius)
    pen.line(metal, tube * 0.8, REAR, bracket)
    pen.line(paint, tube * 0.8, REAR, seat)
    # A quarter of the frames have a low top tube.
    top = head if rng.random() < 0.75 else (0.02, 0.3)
    pen.line(paint, tube, bracket, seat, top)
    pen.line(paint, tube, bracket, fork, head)
    pen.line(paint, tube * 0.9, fork, FRONT)
    saddle = (seat[0] - 0.03, seat[1] + rng.uniform(0.06, 0.12))
    pen.line(metal, tube * 0.7, seat, saddle)
    pen.line(_grey(rng, 10, 70), 0.045, (saddle[0] - 0.08, saddle[1] + 0.01), (saddle[0] + 0.09, saddle[1]))
    _cranks(pen, metal, bracket, rng)
    grip = _handlebar(pen, _grey(rng, 20, 120), head, rng)
    if rng.random() < 0.25:
        _rider(pen, rng, hip=(saddle[0], saddle[1] + 0.05), hand=grip, foot=(bracket[0] + 0.08, bracket[1] - 0.12))


def _spokes(pen: Pen, colour: Colour, axle: Point, radius: float, number: int) -> None:
    for tip in arc(axle, radius)[: 32 : 32 // number] if number else ():
        pen.line(colour, 0.008, axle, tip)


def _cranks(pen: Pen, metal: Colour, bracket: Point, rng: random.Random) -> None:
    angle = rng.uniform(0, math.pi)
    reach = (0.14 * math.cos(angle), 0.14 * math.sin(angle))
    pen.ring(metal, 0.02, bracket, 0.06)
    pen.line(
        metal, 0.02, (bracket[0] - reach[0], bracket[1] - reach[1]), (bracket[0] + reach[0], bracket[1] + reach[1])
    )


def _handlebar(pen: Pen, colour: Colour, head: Point, rng: random.Random) -> Point:
    """Draw a drop, a flat or a swept-back bar; return the position of the hand."""
    x, y = head
    bars = (
        [(x, y), (x - 0.02, y + 0.07), (x + 0.12, y + 0.07), (x + 0.15, y), (x + 0.08, y - 0.05)],
        [(x, y), (x - 0.03, y + 0.09), (x + 0.06, y + 0.1)],
        [(x, y), (x - 0.02, y + 0.12), (x - 0.16, y + 0.1)],
    )
    bar = rng.choice(bars)
    pen.line(colour, 0.03, *bar)
    return bar[2]


def _motorcycle(pen: Pen, rng: random.Random) -> None:
    paint = _paint(rng)
    tyre = _grey(rng, 10, 70)
    metal = _grey(rng, 120, 220)
    radius = rng.uniform(0.23, 0.29)
    tyre_width = rng.uniform(0.05, 0.11)
    head = (rng.uniform(0.22, 0.32), rng.uniform(0.42, 0.52))
    fork_width = rng.uniform(0.035, 0.06)
    for axle in (REAR, FRONT):
        _spokes(pen, metal, axle, radius, rng.choice((0, 4, 8)))
        pen.ring(tyre, tyre_width, axle, radius)
        pen.disc(metal, axle, rng.uniform(0.05, 0.1))
    _engine(pen, metal, rng)
    _exhaust(pen, metal, rng)
    pen.line(_grey(rng, 40, 110), 0.05, REAR, (-0.1, 0.05))
    pen.line(metal, fork_width, head, FRONT)
    _body(pen, paint, head, rng)
    for axle, span in ((REAR, (50, 150)), (FRONT, (40, 130))):
        if rng.random() < 0.7:
            pen.line(paint, 0.045, *arc(axle, radius + tyre_width * 0.7, *span))
    pen.disc(_grey(rng, 170, 250), (head[0] + 0.06, head[1] + 0.02), 0.06)
    grip = (head[0] - rng.uniform(0.03, 0.12), head[1] + rng.uniform(0.08, 0.2))
    pen.line(_grey(rng, 20, 120), 0.035, head, grip)
    if rng.random() < 0.25:
        _rider(pen, rng, hip=(-0.2, 0.42), hand=grip, foot=(-0.02, -0.05))


def _engine(pen: Pen, metal: Colour, rng: random.Random) -> None:
    dark = _grey(rng, 25, 100)
    pen.polygon(dark, (-0.22, -0.1), (0.16, -0.12), (0.24, 0.1), (0.12, 0.32), (-0.2, 0.28))
    for height in (0.06, 0.12, 0.18, 0.24):
        pen.line(metal, 0.018, (-0.02, height), (0.13, height + 0.03))
    pen.disc(metal, (-0.08, 0.0), rng.uniform(0.06, 0.1))


def _exhaust(pen: Pen, metal: Colour, rng: random.Random) -> None:
    tip = (rng.uniform(-0.78, -0.55), rng.uniform(-0.08, 0.2))
    pen.line(metal, 0.04, (0.14, 0.15), (0.2, -0.06), (-0.1, -0.12), (-0.35, (tip[1] - 0.12) / 2))
    pen.line(metal, rng.uniform(0.06, 0.09), (-0.35, (tip[1] - 0.12) / 2), tip)


def _body(pen: Pen, paint: Colour, head: Point, rng: random.Random) -> None:
    """Draw the seat, the tank and, sometimes, a fairing that hides the engine."""
    x = rng.uniform(-0.66, -0.5)
    y = rng.uniform(0.36, 0.46)
    pen.polygon(
        _grey(rng, 10, 80), (x, y + 0.03), (x + 0.02, y - 0.05), (-0.2, 0.26), (0.0, 0.3), (-0.05, 0.4), (-0.3, 0.36)
    )
    pen.polygon(paint, (-0.1, 0.28), (-0.06, 0.4), (0.06, 0.5), (head[0] - 0.02, head[1]), (head[0] - 0.04, 0.32))
    if rng.random() < 0.3:
        nose = (head[0] + 0.18, head[1] - 0.06)
        pen.polygon(
            paint, (head[0] - 0.02, head[1] + 0.14), nose, (0.26, 0.05), (-0.1, -0.08), (-0.05, 0.2), (0.1, 0.38)
        )


def _rider(pen: Pen, rng: random.Random, hip: Point, hand: Point, foot: Point) -> None:
    shirt = _shade(rng, 20, 230)
    trousers = _grey(rng, 20, 110)
    skin = (rng.randint(120, 230), 140, 110)
    shoulder = (hip[0] + rng.uniform(0.1, 0.28), hip[1] + rng.uniform(0.36, 0.46))
    knee = ((hip[0] + foot[0]) / 2 + 0.16, (hip[1] + foot[1]) / 2 + 0.06)
    pen.line(trousers, 0.09, hip, knee, foot)
    pen.line(shirt, 0.15, hip, shoulder)
    pen.line(shirt, 0.06, shoulder, ((shoulder[0] + hand[0]) / 2 + 0.02, (shoulder[1] + hand[1]) / 2 - 0.06), hand)
    pen.disc(skin if rng.random() < 0.5 else shirt, (shoulder[0] + 0.07, shoulder[1] + 0.13), 0.09)


VEHICLES: Final[dict[str, Callable[[Pen, random.Random], None]]] = {"bicycle": _bicycle, "motorcycle": _motorcycle}


def _pose(rng: random.Random, side: int) -> Pose:
    scale = side * rng.uniform(0.36, 0.64)
    angle = math.radians(rng.gauss(0, 9))
    mirror = rng.choice((-1, 1))
    squeeze = rng.uniform(0.75, 1.05)
    shear = rng.gauss(0, 0.08)
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    # The y axis turns over: a pixel's row grows downwards.
    linear = scale * rotation @ np.array([[mirror * squeeze, shear], [0.0, -1.0]])
    centre = np.array([[side * rng.uniform(0.42, 0.58)], [side * rng.uniform(0.56, 0.7)]])
    return np.hstack([linear, centre])


def _near(rng: random.Random, colours: tuple[Colour, ...]) -> Colour:
    red, green, blue = (max(0, min(255, channel + rng.randint(-25, 25))) for channel in rng.choice(colours))
    return red, green, blue


def _background(rng: random.Random, side: int) -> Image.Image:
    """Return a sky or a wall above a ground, with some shapes before it; in three of ten, a plain studio."""
    above = _near(rng, WALLS)
    below = _near(rng, WALLS)
    if rng.random() < 0.3:
        above = _grey(rng, 170, 255)
        below = _grey(rng, 150, 255)
    image = Image.linear_gradient("L").resize((side, side))
    image = Image.composite(Image.new("RGB", image.size, above), Image.new("RGB", image.size, below), image)
    draw = ImageDraw.Draw(image)
    horizon = side * rng.uniform(0.5, 0.85)
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        left = rng.uniform(-0.2, 1) * side
        top = rng.uniform(-0.2, 0.6) * side
        right = left + rng.uniform(0.05, 0.5) * side
        bottom = max(top + 1, horizon - rng.uniform(-0.1, 0.1) * side)
        shape = rng.choice((draw.rectangle, draw.ellipse))
        shape((left, top, right, bottom), _near(rng, WALLS + GROUNDS))
    if rng.random() < 0.6:
        draw.rectangle((0, horizon, side, side), _near(rng, GROUNDS))
    return image


def _occlude(image: Image.Image, rng: random.Random) -> None:
    """Draw a post or a bush before the vehicle, over at most three tenths of the image's width."""
    side = image.width
    left = rng.uniform(0.1, 0.8) * side
    width = rng.uniform(0.06, 0.3) * side
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.5:
        draw.rectangle((left, 0, left + width / 2, side), _near(rng, WALLS))
    else:
        draw.ellipse((left, side * rng.uniform(0.55, 0.7), left + width, side * 1.1), _near(rng, GROUNDS))


def _photograph(image: Image.Image, rng: random.Random, size: int) -> Image.Image:
    """Return the image as a cheap camera takes it, `size` x `size` pixels: low contrast, soft focus, grain."""
    small = image.resize((size, size), Image.Resampling.BOX)
    if rng.random() < 0.5:
        small = small.filter(ImageFilter.GaussianBlur(math.sqrt(size / 32) * rng.uniform(0.3, 1.0)))
    pixels = np.asarray(small, np.float32)
    contrast = rng.uniform(0.45, 1.0)
    light = rng.uniform(-30, 30)
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0, 9), pixels.shape)
    return Image.fromarray(np.clip((pixels - 128) * contrast + 128 + light + grain, 0, 255).astype(np.uint8))


def draw(label: str, seed: int, size: int = 32) -> Image.Image:
    """Return an RGB image of `size` x `size` pixels.

    The same `label` ("bicycle" or "motorcycle") and `seed` give the same scene at any size.
    """
    rng = random.Random(f"{label} {seed}")  # noqa: S311 - a drawing, not a secret
    # Drawn on a multiple of the final size, at least 256 pixels a side, and scaled down: ImageDraw has no antialiasing.
    side = size * max(2, math.ceil(256 / size))
    image = _background(rng, side)
    VEHICLES[label](Pen(image, _pose(rng, side)), rng)
    if rng.random() < 0.4:
        _occlude(image, rng)
    return _photograph(image, rng, size)


def png(image: Image.Image) -> bytes:
    """Return the image's PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def sketches(train: int = 500, test: int = 100) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield (split, label, file name, PNG bytes), `train` and `test` images of each class, always the same."""
    for label in VEHICLES:
        for seed in range(train + test):
            split = "train" if seed < train else "test"
            yield split, label, f"sketch_{seed:05}.png", png(draw(label, seed))
