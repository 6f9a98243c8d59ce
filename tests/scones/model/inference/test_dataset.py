from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scones.errors import (
    BlankImagesError,
    ContradictingLabelsError,
    DataError,
    DataNotFoundError,
    TooFewClassesError,
    TooFewImagesError,
    TooManyBadImagesError,
)
from scones.model.inference.dataset import Dataset, check_learnable, class_names, join, read, read_negatives

Shapes = Callable[..., None]
CLASSES = ["circle", "square"]


def test_images_are_in_the_order_of_classes_and_names(tmp_path: Path, shapes: Shapes) -> None:
    shapes(tmp_path, 3)
    (tmp_path / "circle" / ".DS_Store").write_bytes(b"x")
    data = read(tmp_path, ["square", "circle"], 16)
    assert data.keys == [f"{name}/{number}.png" for name in ("square", "circle") for number in range(3)]
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert (data.pixels.shape, data.pixels.dtype) == ((6, 3, 16, 16), np.float32)


def test_classes_are_the_sorted_folder_names(tmp_path: Path) -> None:
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
        (tmp_path / "square" / f"{number}.png").write_bytes(b"not an image")
    with pytest.raises(TooManyBadImagesError, match=r"2 of 6 images .*square/1\.png"):
        read(tmp_path, CLASSES, 16)


def test_folders_of_negatives_share_one_label(tmp_path: Path, shapes: Shapes) -> None:
    shapes(tmp_path, 2)
    data = join([read(tmp_path, CLASSES, 16), read_negatives(tmp_path, 2, 16)])
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    assert data.keys[4:] == data.keys[:4]


def test_a_folder_of_negatives_needs_subfolders(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="a folder for each kind"):
        read_negatives(tmp_path, 2, 16)


def noise(labels: list[int]) -> Dataset:
    pixels = np.random.default_rng(0).normal(size=(len(labels), 3, 16, 16)).astype(np.float32)
    return Dataset([f"{label}/{index}.png" for index, label in enumerate(labels)], pixels, np.array(labels))


def test_three_images_of_a_class_are_too_few() -> None:
    with pytest.raises(TooFewImagesError, match="'square' has 3 images; give it 10 or more"):
        check_learnable(noise([0] * 10 + [1] * 3), CLASSES)


def test_a_class_of_black_images_is_rejected() -> None:
    data = noise([0] * 10 + [1] * 10)
    data.pixels[10:] = -2
    with pytest.raises(BlankImagesError, match="all 10 images of class 'square'"):
        check_learnable(data, CLASSES)


def test_the_same_image_in_two_classes_is_rejected_with_both_names() -> None:
    data = noise([0] * 10 + [1] * 10)
    data.pixels[3] = data.pixels[12]
    with pytest.raises(ContradictingLabelsError, match=r"0/3\.png and 1/12\.png are the same image"):
        check_learnable(data, CLASSES)


def test_the_same_image_twice_in_a_class_is_allowed() -> None:
    data = noise([0] * 10 + [1] * 10)
    data.pixels[3] = data.pixels[4]
    check_learnable(data, CLASSES)
