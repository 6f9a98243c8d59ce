from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scones.errors import DataError, DataNotFoundError, UsageError
from scones.progress import Progress
from scones.steps.dataset.download import Archive
from scones.steps.dataset.source import find_source, with_negatives

NAMES = st.text("abcdeXYZ019_- é", min_size=1, max_size=6).filter(lambda name: name not in {"train", "test"})
CLASSES = st.dictionaries(NAMES, st.sets(NAMES, min_size=1, max_size=4), min_size=1, max_size=4)


def write(root: Path, classes: dict[str, set[str]]) -> None:
    for label, names in classes.items():
        (root / label).mkdir(parents=True)
        for name in names:
            (root / label / f"{name}.png").touch()


def test_a_path_overrides_the_environment_variable(folder: Callable[..., Path], tmp_path: Path) -> None:
    source = find_source(str(folder("a", "b", count=3)), {"SCONES_DATA": "/nowhere"}, tmp_path, Progress())
    assert source.classes == ("a", "b")
    assert [image.key for image in source.images[:2]] == ["a/000.png", "a/001.png"]
    assert len(source.images) == 6
    assert not source.sketches


def test_without_a_path_the_environment_variable_is_used(folder: Callable[..., Path], tmp_path: Path) -> None:
    source = find_source(None, {"SCONES_DATA": str(folder("a", "b"))}, tmp_path, Progress())
    assert len(source.images) == 20


@pytest.mark.parametrize(("data", "environ"), [("gone", {}), (None, {"SCONES_DATA": "gone"})])
def test_a_missing_path_is_named(data: str | None, environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"gone.*name a folder of images"):
        find_source(data, environ, tmp_path, Progress())


def test_a_path_that_is_too_long_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="File name too long"):
        find_source("x" * 5000, {}, tmp_path, Progress())


def test_an_s3_uri_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="copy it to a folder"):
        find_source("s3://bucket/images", {}, tmp_path, Progress())


def test_an_empty_environment_variable_is_ignored(tmp_path: Path, refused: Archive) -> None:
    nothing = {"SCONES_DATA": "", "SCONES_NEGATIVES": ""}
    source = find_source(None, nothing, tmp_path, Progress(), archive=refused)
    assert source.sketches
    assert with_negatives(replace(source, sketches=False), None, nothing).negatives == ()


def test_sketches_can_be_selected_by_name(tmp_path: Path) -> None:
    assert find_source("sketches", {}, tmp_path, Progress()).sketches


def test_without_network_sketches_are_used_with_a_notice(tmp_path: Path, refused: Archive) -> None:
    class Recorder(Progress):
        noted = ""

        def note(self, text: str) -> None:
            self.noted += text

    progress = Recorder()
    source = find_source(None, {}, tmp_path, progress, archive=refused)
    assert source.sketches
    assert source.classes == ("bicycle", "motorcycle")
    assert len(source.images) == 1200
    assert "cannot be reached" in progress.noted
    assert "sketches" in progress.noted


@settings(max_examples=25, deadline=None)
@given(train=CLASSES, test=CLASSES)
def test_published_splits_are_read_from_their_folders(train: dict[str, set[str]], test: dict[str, set[str]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        write(Path(root) / "train", train)
        write(Path(root) / "test", test)
        source = find_source(root, {}, Path(root), Progress())
    wanted = {("train", label, f"{n}.png") for label in train for n in train[label]}
    wanted |= {("test", label, f"{n}.png") for label in test for n in test[label]}
    assert {(image.split, image.label, image.name) for image in source.images} == wanted
    assert source.classes == tuple(sorted(train.keys() | test.keys()))


@settings(max_examples=25, deadline=None)
@given(classes=CLASSES)
def test_folders_without_splits_are_classes(classes: dict[str, set[str]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        write(Path(root), classes)
        source = find_source(root, {}, Path(root), Progress())
    assert [image.key for image in source.images] == sorted(f"{c}/{n}.png" for c in classes for n in classes[c])
    assert {image.split for image in source.images} == {None}


def test_hidden_files_and_files_outside_class_folders_are_ignored(folder: Callable[..., Path], tmp_path: Path) -> None:
    root = folder("a", "b", count=2)
    (root / "README.md").touch()
    (root / ".git").mkdir()
    (root / "a" / ".DS_Store").touch()
    source = find_source(str(root), {}, tmp_path, Progress())
    assert [image.key for image in source.images] == ["a/000.png", "a/001.png", "b/000.png", "b/001.png"]


@pytest.mark.parametrize("extra", ["train", "validation"])
def test_an_ambiguous_layout_is_rejected(folder: Callable[..., Path], tmp_path: Path, extra: str) -> None:
    root = folder("a", "b", "train") if extra == "train" else folder("train/a", "test/a", "validation/a")
    with pytest.raises(DataError, match="train/ and test/"):
        find_source(str(root), {}, tmp_path, Progress())


def test_a_folder_without_images_explains_the_layout(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="train/<class>"):
        find_source(str(tmp_path), {}, tmp_path, Progress())


def test_an_empty_class_folder_is_a_class(folder: Callable[..., Path], tmp_path: Path) -> None:
    root = folder("a", "b")
    (root / "c").mkdir()
    assert find_source(str(root), {}, tmp_path, Progress()).classes == ("a", "b", "c")


def test_a_file_that_is_not_an_archive_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"cifar-100-python.tar.gz"):
        find_source(str(tmp_path / "notes.txt"), {}, tmp_path, Progress())


@pytest.mark.skipif(not os.environ.get("SCONES_DATA"), reason="real images are needed")
def test_the_real_folder_has_the_published_counts(tmp_path: Path) -> None:
    source = find_source(None, os.environ, tmp_path, Progress())
    counts = [
        sum(image.key.startswith(f"{split}/{label}/") for image in source.images)
        for split in ("train", "test")
        for label in ("bicycle", "motorcycle")
    ]
    assert counts == [500, 500, 100, 100]


def test_negatives_come_from_the_option_or_the_variable(folder: Callable[..., Path], tmp_path: Path) -> None:
    source = find_source(str(folder("bicycle", "motorcycle")), {}, tmp_path, Progress())
    cups = tmp_path / "other" / "cup"
    cups.mkdir(parents=True)
    (cups / "1.png").write_bytes(b"")
    assert with_negatives(source, None, {}).negatives == ()
    named = with_negatives(source, None, {"SCONES_NEGATIVES": str(cups.parent)})
    assert [image.key for image in named.negatives] == ["negatives/cup/1.png"]
    assert with_negatives(source, str(cups.parent), {}) == named


def test_negatives_can_have_published_splits(folder: Callable[..., Path], tmp_path: Path) -> None:
    source = find_source(str(folder("bicycle", "motorcycle")), {}, tmp_path, Progress())
    for split in ("train", "test"):
        (tmp_path / "other" / split / "cup").mkdir(parents=True)
        (tmp_path / "other" / split / "cup" / "1.png").write_bytes(b"")
    negatives = with_negatives(source, str(tmp_path / "other"), {}).negatives
    assert [image.key for image in negatives] == ["negatives/cup/1.png", "test-negatives/cup/1.png"]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_negatives_is_named(name: str, folder: Callable[..., Path], tmp_path: Path) -> None:
    source = find_source(str(folder("bicycle", "motorcycle")), {}, tmp_path, Progress())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataNotFoundError, match=name):
        with_negatives(source, str(tmp_path / name), {})


def test_sketches_ignore_the_variable_for_negatives(tmp_path: Path) -> None:
    source = find_source("sketches", {}, tmp_path, Progress())
    assert with_negatives(source, None, {"SCONES_NEGATIVES": "nowhere"}) == source
