"""The classical baselines, on the images that our network is trained on: PCA + SVM and HOG + SVM.

Needs the extra `bench` (scikit-learn, scikit-image), which the product does not. Hyperparameters come from
cross-validation inside the training images; the test images are used for the reported accuracy only.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.feature import hog
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from benchmarks.data import Images
from scones.model.evaluation.metrics import wilson
from scones.model.inference import dataset
from scones.model.inference.dataset import Dataset

SIZE = 32
FOLDS = 5
COSTS = [0.3, 1, 3, 10, 30]

Grid = dict[str, list[Any]]


def measure(images: Images, seed: int, cache: Path) -> list[dict[str, Any]]:
    """Return each baseline's figures; `seed` sets the folds and PCA, `cache` keeps steps that several SVMs share."""
    classes = images.manifest["classes"]
    train = dataset.join([read(images.staged / split, classes) for split in ("train", "validation")])
    test = read(images.staged / "test", classes)
    photos = read(images.photos, classes)
    searches = {"PCA + SVM": pca_svm(seed, cache), "HOG + SVM": hog_svm(seed, cache)}
    return [{"name": name, "seeds": 1, **evaluate(search, train, test, photos)} for name, search in searches.items()]


def evaluate(search: GridSearchCV, train: Dataset, test: Dataset, photos: Dataset) -> dict[str, Any]:
    started = time.monotonic()
    search.fit(train.pixels, train.labels)
    seconds = round(time.monotonic() - started, 2)
    is_correct = {
        name: search.predict(part.pixels) == part.labels for name, part in (("test", test), ("photos", photos))
    }
    return {
        "accuracy": wilson(int(is_correct["test"].sum()), len(test.labels)),
        "photos": wilson(int(is_correct["photos"].sum()), len(photos.labels)),
        "seconds": seconds,
        "chosen": {name: str(value) for name, value in search.best_params_.items()},
        "cross_validated_accuracy": float(search.best_score_),
    }


def pca_svm(seed: int, cache: Path) -> GridSearchCV:
    grid: Grid = {"pca__n_components": [30, 60, 120], "svm__C": COSTS}
    steps = {"flat": FunctionTransformer(flatten), "pca": PCA(random_state=seed, whiten=True)}
    return _search(steps, grid, seed, cache)


def hog_svm(seed: int, cache: Path) -> GridSearchCV:
    grid: Grid = {"hog__kw_args": [{"cell": cell} for cell in (4, 8)], "svm__C": COSTS}
    steps = {"hog": FunctionTransformer(gradients), "scale": StandardScaler()}
    return _search(steps, grid, seed, cache)


def _search(steps: dict[str, Any], grid: Grid, seed: int, cache: Path) -> GridSearchCV:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return GridSearchCV(Pipeline([*steps.items(), ("svm", SVC())], memory=str(cache)), grid, cv=folds)


def read(folder: Path, classes: list[str]) -> Dataset:
    """Read the images as for the network, but with values in [0, 1]."""
    return dataset.read(folder, classes, SIZE, (0.0,) * 3, (1.0,) * 3)


def flatten(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return pixels.reshape(len(pixels), -1)


def gradients(pixels: NDArray[np.float32], cell: int) -> NDArray[np.float32]:
    """Return histograms of oriented gradients (Dalal & Triggs 2005).

    9 directions, blocks of 2x2 cells of `cell` pixels.
    """
    options = {"pixels_per_cell": (cell, cell), "cells_per_block": (2, 2), "block_norm": "L2-Hys"}
    return np.stack([hog(image, orientations=9, channel_axis=0, **options) for image in pixels])
