from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scones.errors import (
    DataError,
    DataNotFoundError,
    TooFewClassesError,
    TooFewImagesError,
    TooManyBadImagesError,
)
from scones.model.dataset import class_names, read

Shapes = Callable[..., None]
CLASSES = ["circle", "square"]


def test_images_come_in_the_order_of_classes_and_names(tmp_path: Path, shapes: Shapes) -> None:
    shapes(tmp_path, 3)
    (tmp_path / "circle" / ".DS_Store").write_bytes(b"x")
    data = read(tmp_path, ["square", "circle"], 16)
    assert data.keys == [f"{name}/{number}.png" for name in ("square", "circle") for number in range(3)]
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert (data.pixels.shape, data.pixels.dtype) == ((6, 3, 16, 16), np.float32)


def test_classes_are_the_sorted_folders(tmp_path: Path) -> None:
    for name in ("motorcycle", "bicycle", "unicycle", ".cache"):
        (tmp_path / name).mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    assert class_names(tmp_path) == ["bicycle", "motorcycle", "unicycle"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="nowhere"):
        class_names(tmp_path / "nowhere")


def test_one_class_is_too_few(tmp_path: Path) -> None:
    (tmp_path / "bicycle").mkdir()
    with pytest.raises(TooFewClassesError, match=r"1 class folder.*bicycle"):
        class_names(tmp_path)


@pytest.mark.parametrize("name", CLASSES)
def test_an_empty_class_is_named(tmp_path: Path, shapes: Shapes, name: str) -> None:
    shapes(tmp_path, 1)
    (tmp_path / name / "0.png").unlink()
    with pytest.raises(TooFewImagesError, match=f"'{name}'"):
        read(tmp_path, CLASSES, 16)


def test_a_class_that_the_model_does_not_know_is_named(tmp_path: Path, shapes: Shapes) -> None:
    shapes(tmp_path, 1)
    with pytest.raises(DataError, match="square, which the model does not know"):
        read(tmp_path, ["circle", "triangle"], 16)


def test_unreadable_images_are_counted_and_the_first_is_named(tmp_path: Path, shapes: Shapes) -> None:
    shapes(tmp_path, 3)
    for number in (1, 2):
        (tmp_path / "square" / f"{number}.png").write_bytes(b"no picture")
    with pytest.raises(TooManyBadImagesError, match=r"2 of 6 images .*square/1\.png"):
        read(tmp_path, CLASSES, 16)
