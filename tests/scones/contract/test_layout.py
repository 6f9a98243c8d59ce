"""The names and limits against those of AWS."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from scones.contract import layout

INFRA = Path(__file__).parents[3] / "infra"
# The longest name that `scones.settings` allows for a project.
PROJECT = "p" * 26
PREFIXES = [value for name, value in vars(layout).items() if name.isupper() and str(value).endswith("/")]


def test_every_prefix_is_a_folder_of_its_own() -> None:
    assert len(PREFIXES) == 10
    for prefix in PREFIXES:
        assert not any(prefix.startswith(other) for other in PREFIXES if other != prefix)


@pytest.mark.parametrize("name", [*layout.FUNCTIONS, *layout.MACHINES, *layout.TABLES, *layout.ALARMS])
def test_a_resource_of_the_longest_project_fits_the_limits_of_aws(name: str) -> None:
    # Lambda has the lowest limit of the four services: 64 characters.
    assert re.fullmatch(r"[a-z0-9-]{3,64}", f"{PROJECT}-{name}")


@pytest.mark.parametrize("name", [*layout.FUNCTIONS, *layout.MACHINES, *layout.TABLES, *layout.ALARMS])
def test_the_templates_create_every_resource_of_the_layout(name: str) -> None:
    templates = "".join(path.read_text() for path in INFRA.glob("*.yaml"))
    assert f'"${{Project}}-{name}"' in templates


def test_the_tag_is_one_that_users_may_set() -> None:
    assert re.fullmatch(r"[\w.:/=+@-]{1,128}", layout.TAG)
    assert not layout.TAG.startswith("aws:")


def test_an_inline_image_fits_the_state_of_an_execution() -> None:
    # Step Functions allows 256 KiB; the rest of a delivery's state needs a few KiB.
    assert len(base64.b64encode(bytes(layout.MAX_INLINE_BYTES))) < 24 * 1024
    assert layout.MAX_INLINE_BYTES < layout.MAX_IMAGE_BYTES


def test_the_largest_image_fits_the_request_of_a_real_time_endpoint() -> None:
    assert layout.MAX_IMAGE_BYTES == 25 * 2**20


MEGAPIXELS = [
    ("PNG", "RGB", 40),
    ("PNG", "RGBA", 40),
    ("PNG", "L", 50),
    ("GIF", "P", 50),
    ("PNG", "I;16", 50),
    ("WEBP", "RGB", 13),
]


@pytest.mark.parametrize(("file_format", "mode", "megapixels"), MEGAPIXELS)
def test_images_of_so_many_megapixels_are_decoded(file_format: str, mode: str, megapixels: int) -> None:
    pixels = megapixels * 1_000_000
    assert pixels <= layout.MAX_IMAGE_PIXELS
    assert layout.pixel_bytes(file_format, mode, pixels) <= layout.MAX_DECODE_BYTES


@pytest.mark.parametrize("content_type", [layout.JSON, layout.INFERENCE_JSON, layout.JSON_LINES, *layout.IMAGE_TYPES])
def test_content_types_have_the_form_of_a_media_type(content_type: str) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z][a-z0-9.+-]*", content_type)


def test_channels_and_splits_have_names_that_sagemaker_accepts() -> None:
    for name in (*layout.SPLITS, layout.NEGATIVES, layout.TEST_NEGATIVES, layout.BACKBONE):
        assert re.fullmatch(r"[A-Za-z0-9.\-_]{1,64}", name)
