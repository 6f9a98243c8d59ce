import contextlib
import sys
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.images import GROUP, ContainerImageError, ImageRegistry, find_images

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)


@given(name=NAMES, registry=st.sampled_from(["", "localhost:5000/", "1.dkr.ecr.us-east-1.amazonaws.com/team/"]))
@pytest.mark.parametrize("suffix", ["", ":latest", "@sha256:0123", ":v1@sha256:0123"])
def test_an_image_is_found_by_the_last_part_of_its_repository(name: str, registry: str, suffix: str) -> None:
    images = ImageRegistry({name: ["run", "it"]})
    assert images.resolve(f"{registry}{name}{suffix}") == (name, ("run", "it"))


def test_an_unknown_image_is_refused_with_the_known_names() -> None:
    with pytest.raises(ContainerImageError, match=r"image 'other' is unknown.*Known images: a, b"):
        ImageRegistry({"b": ["x"], "a": ["y"]}).resolve("registry/other:1")


def test_an_entry_point_runs_as_a_module_and_an_option_takes_precedence() -> None:
    points = [EntryPoint("one", "pack.one", GROUP), EntryPoint("two", "pack.two", GROUP), EntryPoint("x", "y", "z")]
    images = find_images(points, ["two='my python' serve.py"])
    assert images.resolve("one") == ("one", (sys.executable, "-m", "pack.one"))
    assert images.resolve("two") == ("two", ("my python", "serve.py"))
    with pytest.raises(ContainerImageError):
        images.resolve("x")


@given(st.text())
def test_any_option_is_parsed_or_refused(option: str) -> None:
    with contextlib.suppress(ContainerImageError):
        find_images([], [option])


@given(st.text())
def test_any_unknown_uri_is_a_container_image_error(uri: str) -> None:
    with pytest.raises(ContainerImageError):
        ImageRegistry({}).resolve(uri)
