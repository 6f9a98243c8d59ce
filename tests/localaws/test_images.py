import contextlib
import sys
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws.images import GROUP, ImageError, Images, find_images

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)


@given(name=NAMES, registry=st.sampled_from(["", "localhost:5000/", "1.dkr.ecr.us-east-1.amazonaws.com/team/"]))
@pytest.mark.parametrize("suffix", ["", ":latest", "@sha256:0123", ":v1@sha256:0123"])
def test_an_image_is_found_by_the_last_part_of_its_repository(name: str, registry: str, suffix: str) -> None:
    images = Images({name: ["run", "it"]})
    assert images.resolve(f"{registry}{name}{suffix}") == (name, ("run", "it"))


def test_an_unknown_image_is_refused_with_the_names_of_the_known_ones() -> None:
    with pytest.raises(ImageError, match=r"no image 'other'.*Known images: a, b"):
        Images({"b": ["x"], "a": ["y"]}).resolve("registry/other:1")


def test_an_entry_point_runs_as_a_module_and_an_option_wins() -> None:
    points = [EntryPoint("one", "pack.one", GROUP), EntryPoint("two", "pack.two", GROUP), EntryPoint("x", "y", "z")]
    images = find_images(points, ["two='my python' serve.py"])
    assert images.resolve("one") == ("one", (sys.executable, "-m", "pack.one"))
    assert images.resolve("two") == ("two", ("my python", "serve.py"))
    with pytest.raises(ImageError):
        images.resolve("x")


@given(st.text())
def test_whatever_the_option_it_is_read_or_refused_in_one_line(option: str) -> None:
    with contextlib.suppress(ImageError):
        find_images([], [option])


@given(st.text())
def test_whatever_the_address_only_an_image_error_is_raised(uri: str) -> None:
    with pytest.raises(ImageError):
        Images({}).resolve(uri)
