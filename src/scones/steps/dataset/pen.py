"""A pen that draws lines and shapes in a vehicle's own coordinates onto an image."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]
# An affine map (2, 3) from the vehicle's coordinates to pixels.
Pose = np.ndarray[tuple[int, int], np.dtype[np.float64]]


class Pen:
    """Draws on `image` in the vehicle's coordinates, which `pose` maps to pixels.

    The wheelbase is 1, x points forward, y points up, and the rear axle is at (-0.5, 0). Widths and radii have the same
    unit.
    """

    def __init__(self, image: Image.Image, pose: Pose) -> None:
        self._draw = ImageDraw.Draw(image)
        self._pose = pose
        # Pixels per unit: the root of the area that a unit square covers.
        self._unit = math.sqrt(abs(float(np.linalg.det(pose[:, :2]))))

    def line(self, colour: Colour, width: float, *points: Point) -> None:
        """Draw a line through `points`, with round ends, at least one pixel wide."""
        pixels = max(1, round(width * self._unit))
        placed = self._place(points)
        self._draw.line(placed, colour, pixels, joint="curve")
        for x, y in (placed[0], placed[-1]):
            self._draw.ellipse((x - pixels / 2, y - pixels / 2, x + pixels / 2, y + pixels / 2), colour)

    def polygon(self, colour: Colour, *points: Point) -> None:
        """Fill the polygon with these corners."""
        self._draw.polygon(self._place(points), colour)

    def disc(self, colour: Colour, centre: Point, radius: float) -> None:
        """Fill a circle."""
        self.polygon(colour, *arc(centre, radius))

    def ring(self, colour: Colour, width: float, centre: Point, radius: float) -> None:
        """Draw a circle's outline."""
        circle = arc(centre, radius)
        # The first piece is drawn twice, so that the curve has no gap where it closes.
        self.line(colour, width, *circle, *circle[:2])

    def _place(self, points: tuple[Point, ...]) -> list[Point]:
        placed = np.array([(x, y, 1.0) for x, y in points]) @ self._pose.T
        return [(float(x), float(y)) for x, y in placed]


def arc(centre: Point, radius: float, start: float = 0.0, end: float = 360.0) -> list[Point]:
    """Return 33 points of a circle's arc; angles are in degrees, counter-clockwise from the x axis."""
    angles = np.radians(np.linspace(start, end, 33))
    return [(centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)) for angle in angles]
