"""Thumbnails for the report: images of the data set, read from S3, each with a caption."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from scones.contract.layout import DATA, NEGATIVES, SPLITS, TEST_NEGATIVES
from scones.contract.release import Audit, Evaluation, LabelIssue, Manifest, Outlier, Prediction
from scones.report.types import ReportImages, SampleImage
from scones.steps.dataset.source import LABELLED

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_SAMPLES_PER_CLASS = 8
_MAX_IMAGES = 24
_MAX_GROUPS = 12
# Where `stage` may have put a file of the source, by the part of the source that the file came from. Published test
# images stay in the split of their own name.
_STAGED_SPLITS = {
    "train": SPLITS[:2],
    NEGATIVES: (NEGATIVES, TEST_NEGATIVES),
    LABELLED: (SPLITS[0], NEGATIVES),
}
_ALL_SPLITS = (*SPLITS, NEGATIVES, TEST_NEGATIVES)
# What a training job reads; the audit names its images without the split.
_TRAINING_SPLITS = ("train", "validation", NEGATIVES)


@dataclass(frozen=True)
class DatasetReader:
    """A staged data set in a bucket, from which thumbnails are read."""

    bucket: str
    manifest: Manifest
    s3: S3Client

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of all images, relative to the data set's root: `<split>/<class>/<name>`."""
        return frozenset(image["key"] for image in self.manifest["images"])

    def find(self, name: str, splits: Sequence[str]) -> str | None:
        """Return the key of `<class>/<name>` in the first of the splits that contains it, or None."""
        candidates = [f"{split}/{name}" for split in splits]
        return next((key for key in candidates if key in self.keys), None)

    def find_source_file(self, path: str) -> str | None:
        """Return the key of a file of the source, `[<split>/]<class>/<name>`, or None if it was left out."""
        *split, label, file = path.split("/")
        splits = _STAGED_SPLITS.get(split[0], tuple(split)) if split else _ALL_SPLITS
        return self.find(f"{label}/{file}", splits)

    def read(self, key: str, label: str, caption: str) -> SampleImage:
        """Return one image as a `data:` URI, with its label and a caption."""
        stored = self.s3.get_object(Bucket=self.bucket, Key=f"{DATA}{self.manifest['digest']}/{key}")
        encoded = base64.b64encode(stored["Body"].read()).decode("ascii")
        return SampleImage(label=label, caption=caption, data_uri=f"data:{stored['ContentType']};base64,{encoded}")


def thumbnails(dataset: DatasetReader, evaluation: Evaluation | None, audit: Audit | None) -> ReportImages:
    """Return all thumbnails of a report; without an evaluation or an audit, its lists are empty."""
    return ReportImages(
        samples=samples(dataset),
        duplicates=duplicates(dataset),
        label_issues=label_issues(dataset, audit["label_issues"]) if audit else [],
        outliers=outliers(dataset, audit["outliers"]) if audit else [],
        wrong=wrong(dataset, evaluation) if evaluation else [],
        uncertain=uncertain(dataset, evaluation) if evaluation else [],
    )


def samples(dataset: DatasetReader) -> list[SampleImage]:
    """Return training images of each class, spread evenly over the data set."""
    images = []
    for label in dataset.manifest["classes"]:
        # In the manifest's order, so that two reports on one data set show the same images.
        keys = [image["key"] for image in dataset.manifest["images"] if image["key"].startswith(f"train/{label}/")]
        stride = max(1, len(keys) // _SAMPLES_PER_CLASS)
        for key in keys[::stride][:_SAMPLES_PER_CLASS]:
            images.append(dataset.read(key, label, key.rsplit("/", 1)[-1]))
    return images


def duplicates(dataset: DatasetReader) -> list[list[SampleImage]]:
    """Return groups of near-duplicates, of those with at least two images in the data set."""
    groups = []
    for group in dataset.manifest["duplicates"]:
        keys = [key for path in group if (key := dataset.find_source_file(path))]
        if len(keys) > 1:
            groups.append(keys)
    return [[dataset.read(key, key.split("/")[1], key) for key in keys] for keys in groups[:_MAX_GROUPS]]


def label_issues(dataset: DatasetReader, issues: Sequence[LabelIssue]) -> list[SampleImage]:
    """Return the images of an audit's label issues, in its order; images that no longer exist are left out."""
    captions = {}
    for issue in issues[:_MAX_IMAGES]:
        captions[issue["key"]] = f"predicted: {issue['predicted']}; probability of the label {issue['probability']:.3f}"
    return _training_images(dataset, captions)


def outliers(dataset: DatasetReader, listed: Sequence[Outlier]) -> list[SampleImage]:
    """Return the images of an audit's outliers, in its order; images that no longer exist are left out."""
    captions = {outlier["key"]: f"novelty {outlier['novelty']:.1f}" for outlier in listed[:_MAX_IMAGES]}
    return _training_images(dataset, captions)


def _training_images(dataset: DatasetReader, captions: Mapping[str, str]) -> list[SampleImage]:
    """Return the training images `<class>/<name>` with their captions."""
    images = []
    for name, caption in captions.items():
        if key := dataset.find(name, _TRAINING_SPLITS):
            images.append(dataset.read(key, name.partition("/")[0], caption))
    return images


def wrong(dataset: DatasetReader, evaluation: Evaluation) -> list[SampleImage]:
    """Return the test images that the model classified wrongly, the most confident first."""
    mistakes = [prediction for prediction in evaluation["predictions"] if not _is_right(prediction)]
    mistakes.sort(key=_confidence, reverse=True)
    return [
        _test_image(dataset, mistake, f"predicted: {mistake['predicted']}, confidence {_confidence(mistake):.3f}")
        for mistake in mistakes[:_MAX_IMAGES]
    ]


def uncertain(dataset: DatasetReader, evaluation: Evaluation) -> list[SampleImage]:
    """Return the test images that the model classified correctly with the least confidence: those with a map."""
    right = [prediction for prediction in evaluation["predictions"] if _is_right(prediction) and "map" in prediction]
    right.sort(key=_confidence)
    return [
        _test_image(dataset, prediction, f"confidence {_confidence(prediction):.3f}")
        for prediction in right[:_MAX_IMAGES]
    ]


def _is_right(prediction: Prediction) -> bool:
    return prediction["predicted"] == prediction["truth"]


def _confidence(prediction: Prediction) -> float:
    return max(prediction["probabilities"])


def _test_image(dataset: DatasetReader, prediction: Prediction, caption: str) -> SampleImage:
    image = dataset.read(f"test/{prediction['key']}", prediction["truth"], caption)
    return image | {"map": prediction["map"]} if "map" in prediction else image
