"""Pictures: fetches from S3 the thumbnails of a report, each with what is to be said of it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence, Set
from typing import Any

from scones.contract.layout import DATA, NEGATIVES, SPLITS, TEST_NEGATIVES
from scones.contract.release import Audit, Evaluation, LabelIssue, Manifest, Outlier, Prediction
from scones.report.types import Pictures, SampleImage
from scones.steps.dataset.source import LABELLED

_SAMPLES_PER_CLASS = 8
_MOST = 24
_GROUPS = 12
# Where the staged part of a source's split may lie; what came without a split lies in any.
_PARTS = {"train": SPLITS[:2], NEGATIVES: (NEGATIVES, TEST_NEGATIVES), LABELLED: (SPLITS[0], NEGATIVES)}


def pictures(bucket: str, data: Manifest, evaluated: Evaluation | None, audit: Audit | None, *, s3: Any) -> Pictures:
    """Return all pictures of a report; without an evaluation or an audit, none of theirs."""
    return Pictures(
        samples=samples(bucket, data, s3=s3),
        duplicates=duplicates(bucket, data, s3=s3),
        label_issues=label_issues(bucket, data, audit["label_issues"], s3=s3) if audit else [],
        outliers=outliers(bucket, data, audit["outliers"], s3=s3) if audit else [],
        wrong=wrong(bucket, data, evaluated, s3=s3) if evaluated else [],
        uncertain=uncertain(bucket, data, evaluated, s3=s3) if evaluated else [],
    )


def samples(bucket: str, data: Manifest, *, s3: Any) -> list[SampleImage]:
    """Return some training images of each class, spread over the data set."""
    found = []
    for name in data["classes"]:
        keys = [image["key"] for image in data["images"] if image["key"].startswith(f"train/{name}/")]
        for key in keys[:: max(1, len(keys) // _SAMPLES_PER_CLASS)][:_SAMPLES_PER_CLASS]:
            found.append(_sample(bucket, data, key, name, key.rsplit("/", 1)[-1], s3=s3))
    return found


def wrong(bucket: str, data: Manifest, evaluated: Evaluation, *, s3: Any) -> list[SampleImage]:
    """Return the test images that the model got wrong, the most confident mistakes first."""
    mistakes = [one for one in evaluated["predictions"] if one["predicted"] != one["truth"]]
    mistakes.sort(key=lambda one: -max(one["probabilities"]))
    return [
        _looked_at(bucket, data, one, f"taken for {one['predicted']} at {_certainty(one)}", s3=s3)
        for one in mistakes[:_MOST]
    ]


def uncertain(bucket: str, data: Manifest, evaluated: Evaluation, *, s3: Any) -> list[SampleImage]:
    """Return the test images that the model got right and was least certain of, which are those with a map."""
    right = [one for one in evaluated["predictions"] if one["predicted"] == one["truth"] and "map" in one]
    right.sort(key=lambda one: max(one["probabilities"]))
    return [_looked_at(bucket, data, one, f"right, at {_certainty(one)}", s3=s3) for one in right[:_MOST]]


def label_issues(bucket: str, data: Manifest, listed: list[LabelIssue], *, s3: Any) -> list[SampleImage]:
    """Return the label_issues of `audit.json`, the least believable label first; those that are gone are left out."""
    said = {}
    for one in listed[:_MOST]:
        seen = "something else" if one["predicted"] == "neither" else one["predicted"]
        said[one["key"]] = f"looks like {seen}; its label gets {one['probability']:.3f}"
    return _learned(bucket, data, said, s3=s3)


def outliers(bucket: str, data: Manifest, listed: list[Outlier], *, s3: Any) -> list[SampleImage]:
    """Return the outliers ones of `audit.json`, the strangest first; those that are gone are left out."""
    return _learned(bucket, data, {one["key"]: f"novelty {one['novelty']:.1f}" for one in listed[:_MOST]}, s3=s3)


def _learned(bucket: str, data: Manifest, captions: Mapping[str, str], *, s3: Any) -> list[SampleImage]:
    keys, places = _keys(data), ("train", "validation", NEGATIVES)
    return [
        _sample(bucket, data, key, name.partition("/")[0], caption, s3=s3)
        for name, caption in captions.items()
        if (key := _staged(keys, name, places))
    ]


def duplicates(bucket: str, data: Manifest, *, s3: Any) -> list[list[SampleImage]]:
    """Return some groups of near-equal images, of those with two or more in the data set."""
    keys = _keys(data)
    groups = [[key for name in group if (key := _origin(keys, name))] for group in data["duplicates"]]
    return [
        [_sample(bucket, data, key, key.split("/")[1], key, s3=s3) for key in group]
        for group in [group for group in groups if len(group) > 1][:_GROUPS]
    ]


def _keys(data: Manifest) -> Set[str]:
    return {image["key"] for image in data["images"]}


def _origin(keys: Set[str], name: str) -> str | None:
    """Return where a file of the source, `[<split>/]<class>/<name>`, was staged, or None where it was left out."""
    *split, label, file = name.split("/")
    places = _PARTS.get(split[0], tuple(split)) if split else (*SPLITS, *_PARTS[NEGATIVES])
    return _staged(keys, f"{label}/{file}", places)


def _staged(keys: Set[str], name: str, splits: Sequence[str]) -> str | None:
    """Return the key of `<class>/<name>` in the first of the splits that has it."""
    return next((f"{split}/{name}" for split in splits if f"{split}/{name}" in keys), None)


def _certainty(one: Prediction) -> str:
    return f"{max(one['probabilities']):.3f}"


def _looked_at(bucket: str, data: Manifest, one: Prediction, caption: str, *, s3: Any) -> SampleImage:
    image = _sample(bucket, data, f"test/{one['key']}", one["truth"], caption, s3=s3)
    return image | {"map": one["map"]} if "map" in one else image


def _sample(bucket: str, data: Manifest, key: str, label: str, caption: str, *, s3: Any) -> SampleImage:
    stored = s3.get_object(Bucket=bucket, Key=f"{DATA}{data['digest']}/{key}")
    encoded = base64.b64encode(stored["Body"].read()).decode("ascii")
    return SampleImage(label=label, caption=caption, data_uri=f"data:{stored['ContentType']};base64,{encoded}")
