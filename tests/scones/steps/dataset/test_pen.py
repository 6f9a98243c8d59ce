from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from scones.steps.dataset.pen import Pen, arc

RED = (255, 0, 0)
BLACK = (0, 0, 0)
# The origin is the image's centre, a unit is 20 pixels, and y points up.
POSE = np.array([[20.0, 0.0, 32.0], [0.0, -20.0, 32.0]])


@pytest.fixture
def image() -> Image.Image:
    return Image.new("RGB", (64, 64))


def test_the_pose_maps_coordinates_to_pixels(image: Image.Image) -> None:
    Pen(image, POSE).disc(RED, (1.0, 1.0), 0.2)
    assert image.getpixel((52, 12)) == RED
    assert image.getpixel((52, 52)) == BLACK


def test_a_ring_has_a_hole_and_the_width_is_in_units(image: Image.Image) -> None:
    Pen(image, POSE).ring(RED, 0.2, (0.0, 0.0), 1.0)
    assert image.getpixel((32, 32)) == BLACK
    assert [image.getpixel((52 + step, 32)) for step in (-4, 0, 4)] == [BLACK, RED, BLACK]


def test_a_thin_line_is_still_drawn(image: Image.Image) -> None:
    Pen(image, POSE).line(RED, 0.001, (-1.0, 0.0), (1.0, 0.0))
    assert image.getpixel((32, 32)) == RED


def test_a_polygon_is_filled(image: Image.Image) -> None:
    Pen(image, POSE).polygon(RED, (-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
    assert image.getpixel((32, 32)) == RED
    assert image.getpixel((5, 32)) == BLACK


def test_an_arc_runs_from_its_start_to_its_end() -> None:
    points = arc((1.0, 2.0), 0.5, 0, 90)
    assert points[0] == pytest.approx((1.5, 2.0))
    assert points[-1] == pytest.approx((1.0, 2.5))
    assert all(math.dist(point, (1.0, 2.0)) == pytest.approx(0.5) for point in points)
