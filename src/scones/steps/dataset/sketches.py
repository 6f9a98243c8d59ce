"""Bicycles and motorcycles that Scones draws itself, for machines without network and for pictures in the docs.

Runs where the operator sits. They stand in for photographs when there are none: figures made from them say whether
the workflow runs, not how good a model is on real arrivals.
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Point = tuple[float, float]
Colour = tuple[int, int, int]

REAR: Final = (-0.5, 0.0)
FRONT: Final = (0.5, 0.0)
WALLS: Final = ((150, 190, 225), (205, 210, 215), (225, 215, 195), (160, 90, 70), (95, 110, 125), (190, 165, 130))
GROUNDS: Final = ((95, 95, 100), (150, 150, 145), (85, 125, 60), (200, 180, 140), (120, 95, 75), (50, 60, 55))


class Pen:
    """Draws in a vehicle's own units (wheelbase 1, x forward, y up, rear axle at (-0.5, 0)) through an affine pose."""

    def __init__(self, image: Image.Image, pose: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
        self._draw = ImageDraw.Draw(image)
        self._pose = pose
        self._unit = math.sqrt(abs(float(np.linalg.det(pose[:, :2]))))

    def _at(self, points: tuple[Point, ...]) -> list[Point]:
        placed = np.array([(x, y, 1.0) for x, y in points]) @ self._pose.T
        return [(float(x), float(y)) for x, y in placed]

    def line(self, colour: Colour, width: float, *points: Point) -> None:
        thick = max(1, round(width * self._unit))
        placed = self._at(points)
        self._draw.line(placed, colour, thick, joint="curve")
        for x, y in (placed[0], placed[-1]):
            self._draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), colour)

    def polygon(self, colour: Colour, *points: Point) -> None:
        self._draw.polygon(self._at(points), colour)

    def disc(self, colour: Colour, centre: Point, radius: float) -> None:
        self.polygon(colour, *_arc(centre, radius))

    def ring(self, colour: Colour, width: float, centre: Point, radius: float) -> None:
        circle = _arc(centre, radius)
        self.line(colour, width, *circle, *circle[:2])


def _arc(centre: Point, radius: float, start: float = 0.0, end: float = 360.0) -> list[Point]:
    angles = np.radians(np.linspace(start, end, 33))
    return [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles]


def _shade(rng: random.Random, low: int, high: int) -> Colour:
    return rng.randint(low, high), rng.randint(low, high), rng.randint(low, high)


def _grey(rng: random.Random, low: int, high: int) -> Colour:
    level = rng.randint(low, high)
    return level, level, level


def _paint(rng: random.Random) -> Colour:
    """A vehicle's colour: mostly strong, now and then black or white."""
    if rng.random() < 0.3:
        return _grey(rng, 10, 60) if rng.random() < 0.6 else _grey(rng, 200, 245)
    channels = [rng.randint(140, 240), rng.randint(10, 160), rng.randint(10, 90)]
    rng.shuffle(channels)
    return channels[0], channels[1], channels[2]


def _bicycle(pen: Pen, rng: random.Random) -> None:
    paint, tyre, metal = _paint(rng), _grey(rng, 10, 90), _grey(rng, 110, 220)
    radius, tube = rng.uniform(0.3, 0.36), rng.uniform(0.022, 0.042)
    seat, bracket = (rng.uniform(-0.24, -0.16), rng.uniform(0.42, 0.54)), (rng.uniform(-0.08, -0.02), -0.03)
    head, fork = (rng.uniform(0.3, 0.36), rng.uniform(0.46, 0.56)), (rng.uniform(0.36, 0.39), 0.36)
    for axle in (REAR, FRONT):
        _spokes(pen, metal, axle, radius, rng.choice((0, 8, 12)))
        pen.ring(tyre, rng.uniform(0.025, 0.07), axle, radius)
    pen.line(metal, tube * 0.8, REAR, bracket)
    pen.line(paint, tube * 0.8, REAR, seat)
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
    for tip in _arc(axle, radius)[: 32 : 32 // number] if number else ():
        pen.line(colour, 0.008, axle, tip)


def _cranks(pen: Pen, metal: Colour, bracket: Point, rng: random.Random) -> None:
    angle = rng.uniform(0, math.pi)
    reach = (0.14 * math.cos(angle), 0.14 * math.sin(angle))
    pen.ring(metal, 0.02, bracket, 0.06)
    pen.line(
        metal, 0.02, (bracket[0] - reach[0], bracket[1] - reach[1]), (bracket[0] + reach[0], bracket[1] + reach[1])
    )


def _handlebar(pen: Pen, colour: Colour, head: Point, rng: random.Random) -> Point:
    """Draw a drop, a flat or a swept-back bar; return where the hand goes."""
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
    paint, tyre, metal = _paint(rng), _grey(rng, 10, 70), _grey(rng, 120, 220)
    radius, fat = rng.uniform(0.23, 0.29), rng.uniform(0.05, 0.11)
    head, rake = (rng.uniform(0.22, 0.32), rng.uniform(0.42, 0.52)), rng.uniform(0.035, 0.06)
    for axle in (REAR, FRONT):
        _spokes(pen, metal, axle, radius, rng.choice((0, 4, 8)))
        pen.ring(tyre, fat, axle, radius)
        pen.disc(metal, axle, rng.uniform(0.05, 0.1))
    _engine(pen, metal, rng)
    _exhaust(pen, metal, rng)
    pen.line(_grey(rng, 40, 110), 0.05, REAR, (-0.1, 0.05))
    pen.line(metal, rake, head, FRONT)
    _body(pen, paint, head, rng)
    for axle, span in ((REAR, (50, 150)), (FRONT, (40, 130))):
        if rng.random() < 0.7:
            pen.line(paint, 0.045, *_arc(axle, radius + fat * 0.7, *span))
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
    """Seat, tank and, on some, a fairing that hides the engine."""
    x, y = rng.uniform(-0.66, -0.5), rng.uniform(0.36, 0.46)
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
    shirt, trousers, skin = _shade(rng, 20, 230), _grey(rng, 20, 110), (rng.randint(120, 230), 140, 110)
    shoulder = (hip[0] + rng.uniform(0.1, 0.28), hip[1] + rng.uniform(0.36, 0.46))
    knee = ((hip[0] + foot[0]) / 2 + 0.16, (hip[1] + foot[1]) / 2 + 0.06)
    pen.line(trousers, 0.09, hip, knee, foot)
    pen.line(shirt, 0.15, hip, shoulder)
    pen.line(shirt, 0.06, shoulder, ((shoulder[0] + hand[0]) / 2 + 0.02, (shoulder[1] + hand[1]) / 2 - 0.06), hand)
    pen.disc(skin if rng.random() < 0.5 else shirt, (shoulder[0] + 0.07, shoulder[1] + 0.13), 0.09)


VEHICLES: Final[dict[str, Callable[[Pen, random.Random], None]]] = {"bicycle": _bicycle, "motorcycle": _motorcycle}


def _pose(rng: random.Random, side: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    scale, turn = side * rng.uniform(0.36, 0.64), math.radians(rng.gauss(0, 9))
    mirror, squeeze, shear = rng.choice((-1, 1)), rng.uniform(0.75, 1.05), rng.gauss(0, 0.08)
    turned = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    linear = scale * turned @ np.array([[mirror * squeeze, shear], [0.0, -1.0]])
    centre = np.array([[side * rng.uniform(0.42, 0.58)], [side * rng.uniform(0.56, 0.7)]])
    return np.hstack([linear, centre])


def _near(rng: random.Random, colours: tuple[Colour, ...]) -> Colour:
    red, green, blue = (max(0, min(255, channel + rng.randint(-25, 25))) for channel in rng.choice(colours))
    return red, green, blue


def _background(rng: random.Random, side: int) -> Image.Image:
    """A sky or wall over a ground, with things standing about; a plain studio in three of ten."""
    above, below = _near(rng, WALLS), _near(rng, WALLS)
    if rng.random() < 0.3:
        above, below = _grey(rng, 170, 255), _grey(rng, 150, 255)
    image = Image.linear_gradient("L").resize((side, side))
    image = Image.composite(Image.new("RGB", image.size, above), Image.new("RGB", image.size, below), image)
    draw, horizon = ImageDraw.Draw(image), side * rng.uniform(0.5, 0.85)
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        left, top = rng.uniform(-0.2, 1) * side, rng.uniform(-0.2, 0.6) * side
        box = (left, top, left + rng.uniform(0.05, 0.5) * side, max(top + 1, horizon - rng.uniform(-0.1, 0.1) * side))
        rng.choice((draw.rectangle, draw.ellipse))(box, _near(rng, WALLS + GROUNDS))
    if rng.random() < 0.6:
        draw.rectangle((0, horizon, side, side), _near(rng, GROUNDS))
    return image


def _occlude(image: Image.Image, rng: random.Random) -> None:
    """Put a post, a bush or a box before the vehicle, over at most three tenths of the picture's width."""
    side = image.width
    left, width = rng.uniform(0.1, 0.8) * side, rng.uniform(0.06, 0.3) * side
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.5:
        draw.rectangle((left, 0, left + width / 2, side), _near(rng, WALLS))
    else:
        draw.ellipse((left, side * rng.uniform(0.55, 0.7), left + width, side * 1.1), _near(rng, GROUNDS))


def _photograph(image: Image.Image, rng: random.Random, size: int) -> Image.Image:
    """What a cheap camera does: low contrast, soft focus, grain. Returns `size` x `size` pixels."""
    small = image.resize((size, size), Image.Resampling.BOX)
    if rng.random() < 0.5:
        small = small.filter(ImageFilter.GaussianBlur(math.sqrt(size / 32) * rng.uniform(0.3, 1.0)))
    pixels = np.asarray(small, np.float32)
    contrast, light = rng.uniform(0.45, 1.0), rng.uniform(-30, 30)
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0, 9), pixels.shape)
    return Image.fromarray(np.clip((pixels - 128) * contrast + 128 + light + grain, 0, 255).astype(np.uint8))


def draw(label: str, seed: int, size: int = 32) -> Image.Image:
    """Draw one RGB picture, `size` x `size` pixels: the same `label` ("bicycle" or "motorcycle") and `seed` give the
    same scene at any size.
    """
    rng = random.Random(f"{label} {seed}")  # noqa: S311 - a drawing, not a secret
    side = size * max(2, math.ceil(256 / size))
    image = _background(rng, side)
    VEHICLES[label](Pen(image, _pose(rng, side)), rng)
    if rng.random() < 0.4:
        _occlude(image, rng)
    return _photograph(image, rng, size)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def sketches(train: int = 500, test: int = 100) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield (split, label, file name, PNG bytes), `train` and `test` pictures for each class, always the same ones."""
    for label in VEHICLES:
        for seed in range(train + test):
            split = "train" if seed < train else "test"
            yield split, label, f"sketch_{seed:05}.png", png(draw(label, seed))
